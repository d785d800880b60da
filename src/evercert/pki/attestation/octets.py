"""Bytes from outside, taken from the front; what is too short or too long is refused."""

from __future__ import annotations

from evercert.pki.attestation.attested import refused

__all__ = ["Octets"]


class Octets:
    """*what* names the whole in a refusal."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._at, self._what = data, 0, what

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise refused(f"{self._what} is cut short")
        taken, self._at = self._data[self._at : end], end
        return taken

    def number(self, length: int) -> int:
        """An unsigned big-endian number of so many octets."""
        return int.from_bytes(self.take(length), "big")

    def sized(self) -> bytes:
        """A TPM2B: its length in 16 bits, and itself."""
        return self.take(self.number(2))

    def end(self) -> None:
        """Raises unless everything has been taken."""
        if self._at != len(self._data):
            raise refused(f"{self._what} goes on where it should end")
