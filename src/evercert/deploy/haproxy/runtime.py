"""HAProxy's runtime API, as far as certificates go (doc/management.txt, "set ssl cert" and on).

What is set there lives in memory only: the file on the disk must say the same, or the next
reload brings the old certificate back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line

__all__ = ["Runtime"]

_LEVEL_HINT = "the socket needs `level admin`: stats socket PATH mode 600 level admin"


class Runtime:
    """One HAProxy process, asked through *ask*. Certificates are known by the paths in its configuration."""

    def __init__(self, ask: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._ask = ask

    async def demand_admin(self) -> None:
        """Raises `deploy` if the socket does not allow to change certificates. Changes nothing."""
        answer = await self._say("abort ssl cert evercert-asks-whether-it-may")
        if "No ongoing transaction" not in answer:
            raise EvercertError("deploy", f"HAProxy does not allow it: {one_line(answer)}", hint=_LEVEL_HINT)

    async def certificates(self) -> set[str]:
        """The paths of all certificates in memory."""
        answer = await self._say("show ssl cert")
        return {line.strip().lstrip("*") for line in answer.splitlines() if line.strip() and not line.startswith("#")}

    async def replace(self, path: Path, pem: str) -> None:
        """Afterwards the certificate in memory is the new one, for new connections; or the old one, and `deploy`."""
        # A payload ends at its first empty line.
        payload = "\n".join(line for line in pem.splitlines() if line.strip())
        try:
            await self._demand(f"set ssl cert {path} <<\n{payload}\n", ("Transaction created", "Transaction updated"))
            await self._demand(f"commit ssl cert {path}", ("Success",))
        except EvercertError:
            await self._say(f"abort ssl cert {path}")
            raise

    async def add(self, path: Path, pem: str, crt_list: Path) -> None:
        """Afterwards a certificate that was not in memory is, and is served for its names."""
        await self._demand(f"new ssl cert {path}", ("New empty certificate store",))
        try:
            await self.replace(path, pem)
            await self._demand(f"add ssl crt-list {crt_list} {path}", ("Success",))
        except EvercertError:
            await self._say(f"del ssl cert {path}")
            raise

    async def remove(self, path: Path, crt_list: Path) -> None:
        """Afterwards the certificate is not in memory. Idempotent."""
        await self._say(f"del ssl crt-list {crt_list} {path}")
        await self._say(f"del ssl cert {path}")

    async def _demand(self, command: str, expected: tuple[str, ...]) -> None:
        answer = await self._say(command)
        if not any(each in answer for each in expected):
            raise EvercertError(
                "deploy", f"HAProxy refused `{one_line(command.partition(' <<')[0])}`: {one_line(answer)}"
            )

    async def _say(self, command: str) -> str:
        return (await self._ask(f"{command}\n".encode())).decode("utf-8", "replace")
