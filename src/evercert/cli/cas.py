"""What is known of a CA, as a person reads it."""

from __future__ import annotations

from evercert.acme.cas import KnownCa

__all__ = ["ca_lines"]


def ca_lines(ca: KnownCa) -> list[str]:
    return [f"{ca.id}: {ca.name}", f"  directory  {ca.directory}", f"  staging    {ca.staging or '-'}"]
