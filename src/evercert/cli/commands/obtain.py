"""`evercert obtain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.cli.ranges import NumberRange
from evercert.cli.wanted import Wanted
from evercert.config.settings import Settings
from evercert.pki.key_type import ACCOUNT_KEYS, KeyType

__all__ = ["command"]

# The options that say how this CA is reached, and as whom; the others are about the certificate.
_ACCESS = (
    "ca_roots",
    "proxy",
    "allow_http",
    "family",
    "contact",
    "account_key",
    "eab_kid",
    "eab_key",
    "eab_algorithm",
)

# Some hundred thousand certificates.
_MAX_LIST = 16 << 20
_PORT = click.IntRange(1, 65535)


@click.command("obtain")
@click.argument("names", nargs=-1)
@click.option(
    "--ca",
    "cas",
    multiple=True,
    metavar="CA",
    shell_complete=completing.known_cas,
    help="An id from `evercert ca list --known`, or a directory URL; one that is given after another is asked when "
    "that fails.",
)
@click.option("--staging", is_flag=True, help="Use the CA's staging counterpart.")
@click.option("--dry-run", is_flag=True, help="Go the whole way at the staging CA; keep and install nothing.")
@click.option(
    "--name", "cert_name", metavar="NAME", default="", help="What to call the certificate (default: its first name)."
)
@click.option(
    "--each-from",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with one certificate a line, its names apart by spaces.",
)
@click.option("--http-01", "http01", is_flag=True, help="Prove by HTTP: on port 80, or through the server that has it.")
@click.option("--webroot", metavar="DIR", default="", help="http-01 by files under DIR.")
@click.option("--http-port", type=_PORT, help="http-01: listen here instead of on port 80.")
@click.option("--http-address", default="", help="http-01: listen on this address only.")
@click.option(
    "--proxied-port", type=_PORT, help="http-01: listen on this loopback port, to which your server forwards."
)
@click.option("--tls-alpn-01", "tls_alpn01", is_flag=True, help="Prove by TLS on port 443.")
@click.option("--tls-port", type=_PORT, help="tls-alpn-01: listen here instead of on port 443.")
@click.option(
    "--tls-upstream",
    metavar="HOST:PORT",
    default="",
    help="tls-alpn-01 in front of a live server: pass all else on to it.",
)
@click.option(
    "--dns",
    metavar="PROVIDER",
    shell_complete=completing.dns_providers,
    default="",
    help="Prove by DNS through PROVIDER.",
)
@click.option("--dns-challenge", type=click.Choice(["dns-01", "dns-account-01", "dns-persist-01"]), default="dns-01")
@click.option(
    "--challenge",
    "challenges",
    multiple=True,
    metavar="[PATTERN:]TYPE=SOLVER",
    help="A rule for the names that match; the first that fits is used.",
)
@click.option(
    "--set",
    "-o",
    "settings_of",
    multiple=True,
    metavar="PLUGIN.FIELD=VALUE",
    help="A field of a DNS provider or deploy target.",
)
@click.option(
    "--deploy",
    multiple=True,
    shell_complete=completing.deploy_targets,
    metavar="TARGET[:LABEL]",
    help="Install it there: nginx, apache, haproxy, files, exec.",
)
@click.option(
    "--key-type",
    type=click.Choice([key.value for key in KeyType]),
    default="ec256",
    show_default=True,
    help="What key it gets.",
)
@click.option("--reuse-key", is_flag=True, help="Keep the key at renewals.")
@click.option("--profile", default="", help="A profile of the CA, if it has it.")
@click.option(
    "--require-profile", "profile_required", is_flag=True, help="Fail where the CA does not have the profile."
)
@click.option("--preferred-chain", default="", help="The chain whose issuer has this name, if there is one.")
@click.option("--lifetime", type=click.IntRange(1), metavar="SECONDS", help="Ask for this lifetime.")
@click.option("--must-staple", is_flag=True, help="Ask for a certificate that demands OCSP stapling.")
@click.option(
    "--csr",
    type=click.Path(exists=True, dir_okay=False),
    default=None,
    help="A request from outside; its key stays there.",
)
@click.option(
    "--renew-at", type=NumberRange(0.05, 0.95), default=None, help="Renew when this fraction of its life is over."
)
@click.option("--no-ari", is_flag=True, help="Do not ask the CA when to renew.")
@click.option("--account", default="default", help="Which account at the CA.")
@click.option(
    "--account-key", type=click.Choice(ACCOUNT_KEYS), default=None, help="What key a new account gets (default: ec256)."
)
@click.option("--contact", multiple=True, metavar="MAIL", help="Where the CA may write to.")
@click.option("--eab-kid", default="", help="External account: its id.")
@click.option(
    "--eab-key",
    metavar="REF",
    default="",
    help="External account: its HMAC key, as env:NAME, file:PATH, cred:NAME or exec:PROGRAM.",
)
@click.option("--eab-algorithm", type=click.Choice(["HS256", "HS384", "HS512"]), default="HS256")
@click.option(
    "--ca-roots",
    type=click.Path(exists=True, dir_okay=False),
    default=None,
    help="Further trust anchors for the CA's own TLS.",
)
@click.option("--proxy", metavar="URL", default="", help="HTTP proxy for this CA (or a reference to it).")
@click.option("--allow-http", is_flag=True, help="Accept a CA without TLS.")
@click.option("--ipv4", "family", flag_value=4, type=int, help="Reach the CA by IPv4 only.")
@click.option("--ipv6", "family", flag_value=6, type=int, help="Reach the CA by IPv6 only.")
@framed
def command(output: Output, settings: Settings, **given: Any) -> int:
    """Get a certificate, install it, prove that it is served, and keep it renewed.

    \b
    evercert obtain www.example.com --http-01 --deploy nginx
    evercert obtain '*.example.com' example.com --dns rfc2136 -o rfc2136.server=192.0.2.53
    """
    from evercert.cli.obtaining import Request, obtain_all

    access = {key: given.pop(key) for key in _ACCESS}
    staging, dry_run, each_from = given.pop("staging"), given.pop("dry_run"), given.pop("each_from")
    cas = tuple(dict.fromkeys(given.pop("cas"))) or (settings.ca,)
    names = list(given.pop("names"))
    _refuse_contradictions(each_from, names, given, access)
    _refuse_one_eab_for_many(cas, access)
    lines = _lines(Path(each_from)) if each_from else [names]
    wanted = [
        Wanted(names=names, cas=cas, settings=given["settings_of"], **_without(given, "settings_of")) for names in lines
    ]
    return in_loop(obtain_all(output, settings, Request(wanted, access, staging=staging, dry_run=dry_run)))


def _refuse_contradictions(
    each_from: str | None, names: list[str], given: dict[str, Any], access: dict[str, Any]
) -> None:
    if each_from and (names or given["cert_name"] or given["csr"]):
        raise click.UsageError("--each-from names all certificates itself: leave NAMES, --name and --csr out")
    if given["csr"] and names:
        raise click.UsageError("--csr brings its own names: leave NAMES out")
    if given["tls_port"] and not (given["tls_alpn01"] or given["tls_upstream"]):
        raise click.UsageError("--tls-port belongs to --tls-alpn-01")
    if bool(access["eab_kid"]) != bool(access["eab_key"]):
        raise click.UsageError("--eab-kid and --eab-key belong together")


def _refuse_one_eab_for_many(cas: tuple[str, ...], access: dict[str, Any]) -> None:
    if access["eab_kid"] and len(cas) > 1:
        raise click.UsageError(
            "--eab-kid is of one CA: declare several with [cas.*] (docs/declaration.md), or give one --ca"
        )


def _without(given: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name and value is not None}


def _lines(path: Path) -> list[list[str]]:
    from evercert.host.files import read_bounded

    try:
        written = read_bounded(path, _MAX_LIST).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path} is not a text file in UTF-8") from error
    lines = [names for line in written if (names := line.partition("#")[0].split())]
    if not lines:
        raise click.UsageError(f"{path} names no certificate")
    return lines
