"""CNAME delegation: the record stands where the alias points, and that may be somebody else's zone."""

from __future__ import annotations

from evercert.base.errors import EvercertError, Retry
from evercert.plugins.contracts import Resolver

__all__ = ["follow"]

# Unbound gives up after 11 aliases, BIND after 16; a CA's resolver sees no longer chain.
_MOST = 11


async def follow(name: str, resolver: Resolver) -> str:
    """Where the chain of aliases from *name* ends; *name* itself if it is none.

    Raises `dns` with the whole chain where it runs in a circle or is longer than resolvers follow.
    """
    chain = [name]
    while target := (await resolver.cname(chain[-1])).lower():
        circular = target in chain
        chain.append(target)
        if circular or len(chain) > _MOST + 1:
            raise EvercertError(
                "dns",
                f"its aliases {'run in a circle' if circular else 'are too many'}: {' -> '.join(chain)}",
                name=name,
                hint="point the CNAME at the name where the TXT record shall stand",
                retry=Retry.NEVER if circular else None,
            )
    return chain[-1]
