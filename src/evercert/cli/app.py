"""The commands, and how each is found without importing the others.

`COMMANDS` is the one list: help, shell completion and `docs/cli.md` come from it. A command's
module is imported when it is run, so that `evercert version` pays for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Any, Final

import click

from evercert import __version__

__all__ = ["COMMANDS", "Lazy", "app"]

COMMANDS: Final[dict[str, str]] = {
    "obtain": "get a certificate, install it, prove it, and keep it renewed",
    "renew": "renew what is due (or what is named, with --force)",
    "plan": "what a declaration (evercert.toml) would change, and why",
    "apply": "make what is declared what is wanted, and do it",
    "explain": "where each value of a certificate was said, and what happens next",
    "tasks": "what is to be done and what waits: shown, run now, retried, cancelled, resumed",
    "forecast": "when the fleet meets which limit, and what another life would need",
    "list": "the certificates, what is served, and what happens next",
    "show": "everything about one certificate",
    "deploy": "install a certificate again, or in a further place",
    "revoke": "revoke a certificate at its CA",
    "incident": "replace many certificates before their time, in waves: a key leaked, a CA revokes",
    "delete": "forget a certificate and its key",
    "doctor": "find out what would stop a certificate for a name",
    "account": "accounts at CAs: show, update, rollover, deactivate, import, export",
    "ca": "be a CA: init, serve, trust and more; and the CAs that Evercert knows",
    "import": "take over from certbot, lego or acme.sh",
    "events": "what happened, oldest first; also as it happens (--follow)",
    "hooks": "who is told of events, how far, and what they did not take",
    "simulate": "live made-up histories of the engine, with everything failing, from a seed",
    "demo": "watch the whole job on this machine, with a CA of its own",
    "run": "stay and renew for ever",
    "completion": "print a shell completion script",
    "version": "the version of Evercert and of what it stands on",
}


class Lazy(click.Group):
    """A group whose commands are modules of one package, imported when named."""

    def __init__(self, table: Mapping[str, str], package: str, **given: Any) -> None:
        super().__init__(**given)
        self.table = table
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        # A command whose name is a word of Python's (`import`) has its module under that name and an underscore.
        name = cmd_name.replace("-", "_") + ("_" if iskeyword(cmd_name) else "")
        command: click.Command = import_module(f"{self._package}.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.table, 1)
            raise click.UsageError(error.message + (f" Did you mean {near[0]!r}?" if near else ""), ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))


app = click.version_option(__version__, "--version", "-V", message="evercert %(version)s")(
    Lazy(
        COMMANDS,
        "evercert.cli.commands",
        name="evercert",
        help="TLS that never lapses: get, install, prove and renew certificates from any ACME CA.",
        epilog="First steps: evercert demo; then evercert obtain www.example.com --http-01 --deploy nginx",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
)
