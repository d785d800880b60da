"""`evercert list`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.model.state import State

if TYPE_CHECKING:
    from evercert.db.protocol import Database
    from evercert.engine.installing import Installation
    from evercert.store.views import Listed

__all__ = ["command"]

_HEADS = ("NAME", "STATE", "LEFT", "NEXT", "CA", "NAMES")

# A thousand years; what is much further away has no date.
_FAR = 365_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which of the certificates: all of them, unless something is said."""

    pattern: str = "*"
    state: str | None = None
    expiring: int | None = None
    owner: str = ""
    tag: str = ""
    failing: bool = False


@click.command("list")
@click.argument("pattern", default="*")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only those in this state.")
@click.option(
    "--expiring",
    type=click.IntRange(-_FAR, _FAR),
    metavar="DAYS",
    help="Only those whose certificate ends within so many days.",
)
@click.option("--owner", default="", help="Only those of this owner (as declared).")
@click.option("--tag", default="", help="Only those with this tag (as declared).")
@click.option("--failing", is_flag=True, help="Only those of which the last attempt failed, to issue or to install.")
@framed
def command(output: Output, settings: Settings, **given: Any) -> int:
    """The certificates whose name matches PATTERN, what is served, and what happens next."""
    from evercert.base.collecting import collector_at_rest

    with collector_at_rest():  # a quarter of the time that ten thousand lines take
        return in_loop(_list(output, settings, _Asked(**given)))


async def _list(output: Output, settings: Settings, asked: _Asked) -> int:
    from datetime import timedelta

    from evercert.base.clock import SystemClock
    from evercert.cli.display import listed_cells, listed_document
    from evercert.cli.store import reading
    from evercert.engine.ahead import ahead
    from evercert.store import views

    now = SystemClock().now()
    async with reading(settings) as db:
        lines = await views.listed(
            db,
            now,
            match=asked.pattern,
            states=[State(asked.state)] if asked.state else [],
            expiring_before=now + timedelta(days=asked.expiring) if asked.expiring is not None else None,
            owner=asked.owner,
            tag=asked.tag,
            failing=asked.failing,
        )
        outstanding = await _outstanding(db, lines, now)
    if not lines and not output.json:
        get_one = "no certificates; get one with `evercert obtain www.example.com --http-01`"
        output.note("no certificate is like that; see all with `evercert list`" if asked != _Asked() else get_one)
        return 0
    rows = [(line, ahead(line, now, outstanding.get(line.name))) for line in lines]
    if output.json:
        waiting = {name: [each for each in found if each.put_off] for name, found in outstanding.items()}
        output.result([listed_document(line, then, waiting.get(line.name, ())) for line, then in rows])
    else:
        output.table(None, _HEADS, [listed_cells(line, then, now) for line, then in rows])
    return 0


async def _outstanding(db: Database, lines: Sequence[Listed], now: datetime) -> Mapping[str, Sequence[Installation]]:
    """What is to be installed of those for which a line does not tell: a window or a freeze may have it waiting, or a
    target is of a member that goes without."""
    from evercert.engine.installing import installations
    from evercert.store import certificates

    lacking = (line for line in lines if line.state is State.NOT_INSTALLED)
    names = [line.name for line in lacking if line.timed or line.fact.intent.terms.members]
    return {name: [*installations(fact, now)] for name, fact in (await certificates.facts(db, names)).items()}
