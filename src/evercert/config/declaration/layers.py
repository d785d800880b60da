"""What defaults, policies and certificates may all say: each is looked at once, whoever uses it."""

from __future__ import annotations

from collections.abc import Iterator

from evercert.base.errors import EvercertError
from evercert.config.declaration.faults import Fault, nearest
from evercert.config.declaration.gathering import Entry, Tables
from evercert.config.declaration.origin import Origin
from evercert.config.declaration.parts import Cas
from evercert.config.declaration.schema import Wishes

__all__ = ["layer_faults"]


def layer_faults(tables: Tables, cas: Cas) -> Iterator[Fault]:
    """CAs and targets that there are not, freezes that end before they begin, and words that nobody can print."""
    layers: list[Entry[Wishes]] = [*tables.policies.values(), *tables.certificates.values()]
    if tables.defaults:
        layers.append(tables.defaults)
    for layer in layers:
        yield from _words(layer)
        yield from _freezes(layer)
        yield from _cas(layer, cas)
        yield from _targets(layer.table.targets or (), layer.origin, tables.named["targets"])


def _words(layer: Entry[Wishes]) -> Iterator[Fault]:
    table = layer.table
    said: list[tuple[tuple[str | int, ...], str]] = [(("owner",), table.owner or "")]
    said += ((("tags", number), tag) for number, tag in enumerate(table.tags or ()))
    said += ((("freezes", number, "reason"), freeze.reason) for number, freeze in enumerate(table.freezes or ()))
    for inside, text in said:
        if not text.isprintable():  # a terminal obeys some of these, and a line of a list would be two
            yield layer.origin.fault(
                "it has a line break, or something else that cannot be printed", "write it in one line", inside=inside
            )


def _freezes(layer: Entry[Wishes]) -> Iterator[Fault]:
    for number, freeze in enumerate(layer.table.freezes or ()):
        if freeze.until.value <= freeze.since.value:
            yield layer.origin.fault(
                "it ends before it begins", "write the later one as its until", inside=("freezes", number, "until")
            )


def _cas(layer: Entry[Wishes], cas: Cas) -> Iterator[Fault]:
    if layer.table.cas == ():
        yield layer.origin.fault("there is no CA in it", "leave it out for the usual one", inside=("cas",))
    for number, word in enumerate(layer.table.cas or ()):
        try:
            cas.choice(word)
        except EvercertError as error:
            yield layer.origin.fault(error.message, error.hint, inside=("cas", number))
    yield from _weights(layer)


def _weights(layer: Entry[Wishes]) -> Iterator[Fault]:
    cas, weights, inside = layer.table.cas, layer.table.ca_weights, ("ca_weights",)
    if weights is None:
        return
    if cas is None:
        yield layer.origin.fault("it says weights and not of which CAs", "write its cas = [...], too", inside=inside)
    elif len(weights) != len(cas):
        words = f"there are {len(cas)} CAs and {len(weights)} weights"
        yield layer.origin.fault(words, "write one weight for each of cas, in the same order", inside=inside)
    elif len(set(cas)) < len(cas):
        yield layer.origin.fault(
            "a CA with a weight is named twice", "name it once, and add the weights", inside=inside
        )
    elif min(weights) < 0:
        yield layer.origin.fault("a weight is below zero", "write 0 for a CA that is asked last", inside=inside)
    elif not any(weights):
        yield layer.origin.fault(
            "no CA has any weight", "leave ca_weights out, or give one of them more", inside=inside
        )


def _targets(names: tuple[str, ...], origin: Origin, known: set[str]) -> Iterator[Fault]:
    for number, name in enumerate(names):
        inside = ("targets", number)
        if name not in known:
            hint = nearest(name, sorted(known)) or "write a [targets.NAME] with its plugin"
            yield origin.fault(f"there is no target {name[:60]!r}", hint, inside=inside)
        elif name in names[:number]:
            yield origin.fault(f"the target {name!r} is named twice", "name it once", inside=inside)
