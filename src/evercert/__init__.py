"""Evercert: TLS that never lapses.

`obtain` gets one certificate; `Client` and `AsyncClient` speak RFC 8555 and nothing else. What is
named here is imported when it is first used, so that `import evercert` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evercert.acme.client import AsyncClient, Client
    from evercert.base.errors import EvercertError
    from evercert.library import Issued, obtain, obtain_async

__all__ = ["AsyncClient", "Client", "EvercertError", "Issued", "__version__", "obtain", "obtain_async"]

__version__ = "0.1.0"

_HOMES = {
    "AsyncClient": "evercert.acme.client",
    "Client": "evercert.acme.client",
    "EvercertError": "evercert.base.errors",
    "Issued": "evercert.library",
    "obtain": "evercert.library",
    "obtain_async": "evercert.library",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'evercert' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
