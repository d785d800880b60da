"""What is known of a CA, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

from evercert.acme.cas import KnownCa
from evercert.cli.display import span

__all__ = ["ca_lines"]


def ca_lines(ca: KnownCa) -> Iterator[str]:
    """One fact a line; what is not known is left out."""
    yield f"{ca.id}: {ca.name}"
    yield f"  directory   {ca.directory}"
    facts = {
        "staging": ca.staging,
        "CAA": ", ".join(ca.caa),
        "account": f"needs an external account: {ca.eab}" if ca.eab else "",
        "features": ", ".join(ca.features),
        "names": f"at most {ca.max_names} in a certificate" if ca.max_names else "",
    }
    yield from (f"  {name:<11} {fact}" for name, fact in facts.items() if fact)
    yield from (f"  limit       {limit.count} {limit.scope.value} in {span(limit.period)}" for limit in ca.limits)
    if ca.notes:
        yield f"  note        {ca.notes}"
