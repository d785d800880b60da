"""`evercert forecast`."""

from __future__ import annotations

import re

import click

from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


def _times(context: click.Context, parameter: click.Parameter, written: str | None) -> float:
    """`x2` or `1.5`."""
    if written is None:
        return 1.0
    if not re.fullmatch(r"x?[0-9]{1,6}(\.[0-9]{1,3})?", written) or not float(written.lstrip("x")):
        raise click.BadParameter("write how many for each that there is, such as x2 or x1.5")
    return float(written.lstrip("x"))


def _share(context: click.Context, parameter: click.Parameter, written: str | None) -> float | None:
    """`2%` or `0.5%`."""
    if written is None:
        return None
    found = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,3})?)%", written)
    if not found or float(found[1]) > 90:
        raise click.BadParameter("write how many of a hundred attempts fail, 90% at most, such as 2% or 0.5%")
    return float(found[1]) / 100


@click.command("forecast")
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="How far to look.")
@click.option(
    "--ca", default="", metavar="CA", help="Only those of this CA: a [cas.NAME] of the declaration, an id, or a URL."
)
@click.option("--owner", default="", help="Only those of this owner; the others draw on the same limits.")
@click.option("--tag", default="", help="Only those with this tag.")
@click.option("--match", default="*", metavar="PATTERN", help="Only those whose name or identifiers are like that.")
@click.option("--life", default="", metavar="SPAN", help="Suppose that they live so long: 47d, 6d, 160h.")
@click.option("--certificates", callback=_times, metavar="xN", help="Suppose that there are so many for each: x2.")
@click.option("--to", default="", metavar="CA", help="Suppose that their next order is asked of that CA.")
@click.option(
    "--onboard", type=click.IntRange(0), default=0, metavar="N", help="Suppose that so many new ones come a day."
)
@click.option("--under", default="", metavar="DOMAIN", help="Suppose that the new ones are all under that domain.")
@click.option("--outage", default="", metavar="SPAN", help="Suppose that no CA answers for so long from now on.")
@click.option("--failures", callback=_share, metavar="N%", help="Suppose that so many of all attempts fail: 2%.")
@click.option("--calendar", is_flag=True, help="Show also what is due on each day.")
@click.option("--svg", default="", metavar="FILE", help="Write the charts there, too.")
@framed
@configured
def command(
    output: Output,
    settings: Settings,
    days: int,
    ca: str,
    owner: str,
    tag: str,
    match: str,
    life: str,
    certificates: float,
    to: str,
    onboard: int,
    under: str,
    outage: str,
    failures: float | None,
    calendar: bool,
    svg: str,
) -> int:
    """When which limit of a CA will be used up, who would wait and lapse because of it, and what it would need.

    \b
    evercert forecast                        # as things are
    evercert forecast --life 47d             # beside it: what it would be with lives of 47 days
    evercert forecast --to google --days 30  # what moving to another CA would meet
    evercert forecast --onboard 500          # with 500 new certificates a day
    """
    from evercert.cli.forecast.show import Question, show
    from evercert.engine.forecast.reading import Choice

    if under and not onboard:
        raise click.UsageError("--under says where new certificates belong; say also how many come, with --onboard")
    choice = Choice(_directory(output, settings, ca), owner, tag, match)
    supposed = _directory(output, settings, to)
    question = Question(days, choice, life, certificates, supposed, onboard, under, outage, failures, svg, calendar)
    return in_loop(show(output, settings, question))


def _directory(output: Output, settings: Settings, ca: str) -> str:
    """The directory URL of the CA that was said, if one was."""
    if not ca:
        return ""
    from evercert.config.declaration.ca_names import ca_called

    return ca_called(ca, settings, output.warn).directory
