"""`evercert ca serve`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from evercert.cli.ca.folder import ca_folder, dir_option, has_ca
from evercert.cli.frame import framed, in_loop
from evercert.cli.lasting import new_loop
from evercert.cli.logs import FORMATS, LEVELS, log_to_stderr
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("serve")
@dir_option
@click.option("--listen", multiple=True, metavar="ADDRESS:PORT", help="Where to listen, instead of what ca.toml says.")
@click.option("--log-format", type=click.Choice(FORMATS), default="text", show_default=True, help="On standard error.")
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
@click.option("--access-log", is_flag=True, help="A line for each answer at info; else they are there at debug.")
@click.option("--print-unit", is_flag=True, help="Print a unit file for systemd and end.")
@framed
def command(
    output: Output,
    settings: Settings,
    directory: Path | None,
    listen: tuple[str, ...],
    log_format: str,
    log_level: str,
    access_log: bool,
    print_unit: bool,
) -> int:
    """Answer as the CA in that folder, until told to stop (Ctrl-C or SIGTERM: what was asked is answered first).

    \b
    evercert ca serve --print-unit > /etc/systemd/system/evercert-ca.service
    """
    if print_unit:
        return _print_unit(output, settings, directory)
    folder = ca_folder(settings, directory)
    log_to_stderr(log_format, log_level)
    try:
        answers_at = logging.INFO if access_log else logging.DEBUG
        return in_loop(_serve(output, settings, folder, listen, answers_at), new_loop())
    except KeyboardInterrupt:
        output.note("ended; what was begun is kept, and gone on with next time")
        return 0


def _print_unit(output: Output, settings: Settings, directory: Path | None) -> int:
    from evercert.ca.node.private import place_from
    from evercert.ca.setup.settings import load_ca_settings
    from evercert.cli.units import CA_FOLDER, CA_UNIT, ca_unit_text

    folder, places, is_credential = CA_FOLDER, list[str](), True
    if directory or has_ca(settings, directory):
        folder = ca_folder(settings, directory)
        decided = load_ca_settings(folder / "ca.toml")
        places = [*decided.listen, *decided.plain_listen]
        is_credential = decided.master_key.startswith("cred:")
    text = ca_unit_text(folder, [port for _, port in map(place_from, places)], is_credential=is_credential)
    output.result({"name": CA_UNIT, "text": text}, text.rstrip("\n"))
    return 0


async def _serve(output: Output, settings: Settings, folder: Path, listen: tuple[str, ...], answers_at: int) -> int:
    import asyncio

    from msgspec.structs import replace

    from evercert.base.collecting import pass_over_what_there_is
    from evercert.ca.node.running import running
    from evercert.ca.setup.settings import load_ca_settings

    decided = load_ca_settings(folder / "ca.toml")
    if listen:
        decided = replace(decided, listen=listen)
    async with running(folder, decided, settings.environ, answers_at=answers_at) as serving:
        places = ", ".join(f"{address}:{port}" for address, port in serving.bound)
        directory = f"{decided.base_url}/acme/directory"
        output.result({"directory": directory, "bound": serving.bound}, f"serving {directory}, listening on {places}")
        pass_over_what_there_is()
        await asyncio.Event().wait()
    return 0
