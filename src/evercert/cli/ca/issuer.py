"""`evercert ca issuer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evercert.cli.ca.folder import ca_folder, dir_option
from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.pki.key_type import KeyType

if TYPE_CHECKING:
    from evercert.pki.seal import Sealer
    from evercert.pki.signer import Signer

__all__ = ["command"]

_KEYS = click.Choice([each.value for each in KeyType])
_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("issuer")
def command() -> None:
    """The CA certificates that sign: added, cross-signed, retired. A server reads them when it starts."""


@command.command("list")
@dir_option
@framed
def list_(output: Output, settings: Settings, directory: Path | None) -> int:
    """Every issuer: what it is called, until when it lives, whether new certificates come of it."""
    from evercert.cli.display import when
    from evercert.pki.cert import read_certificate
    from evercert.pki.chain import split_pem

    found: list[dict[str, Any]] = []
    for file in sorted((ca_folder(settings, directory) / "issuers").glob("*/chain.pem")):
        view, place = read_certificate(split_pem(file.read_bytes())[0]), file.parent
        found.append(
            {
                "name": place.name,
                "subject": view.subject,
                "serial": view.serial,
                "not_after": view.not_after,
                "retired": (place / "retired").exists(),
                "in_token": (place / "key.uri").exists(),
                "chains": 1 + len(list(place.glob("chain-*.pem"))),
            }
        )
    rows = [
        (str(each["name"]), str(each["subject"]), when(each["not_after"]), "retired" if each["retired"] else "in use")
        for each in found
    ]
    output.table(found, ("NAME", "SUBJECT", "UNTIL", "STATE"), rows)
    return 0


def _with_root(function: Any) -> Any:
    """The options that bring a root and its key."""
    function = click.option("--root-passphrase", metavar="REF", required=True, help="Its passphrase, by reference.")(
        function
    )
    return click.option("--root-key", type=_File, required=True, help="The root's key, from where it is kept apart.")(
        function
    )


@command.command("add")
@click.argument("name")
@dir_option
@_with_root
@click.option("--subject", metavar="CN", help="Its common name (default: made of the root's, and NAME).")
@click.option("--key", "key_type", type=_KEYS, default="ec256", show_default=True)
@click.option("--token", default="", metavar="URI", help="Make its key in that token (pkcs11:...).")
@click.option("--life", default="1825d", show_default=True, metavar="LENGTH")
@click.option("--permit", multiple=True, metavar="NAME", help="Name constraint, such as dns:example.test.")
@framed
def add(output: Output, settings: Settings, directory: Path | None, name: str, **given: Any) -> int:
    """Make a further issuer. From the next start on it signs before the older ones, whose certificates live on.

    \b
    evercert ca issuer add issuing-2 --root-key /media/usb/root.key.pem --root-passphrase file:/media/usb/passphrase
    """
    from contextlib import closing
    from functools import partial
    from random import SystemRandom

    from evercert.base.clock import SystemClock
    from evercert.ca.setup.hierarchy import NewIssuer, add_issuer
    from evercert.config.references import resolve
    from evercert.config.toml import span_from
    from evercert.pki.cert import read_certificate
    from evercert.pki.hsm.opening import Tokens

    folder = ca_folder(settings, directory)
    root = _root(settings, folder / "root.pem", given["root_key"], given["root_passphrase"])
    subject = given["subject"] or f"{read_certificate(root.certificate).subject.removesuffix(' Root')} {name}"
    new = NewIssuer(
        name,
        (("CN", subject),),
        KeyType(given["key_type"]),
        span_from(given["life"]),
        permitted=given["permit"],
        token=given["token"],
    )
    with closing(Tokens(partial(resolve, environ=settings.environ))) as tokens:
        sealer, now = _sealer(settings, folder), SystemClock().now()
        made = add_issuer(folder, new, root, sealer, tokens.create, now, SystemRandom())
    view = read_certificate(made)
    told = {"name": name, "serial": view.serial, "not_after": view.not_after}
    output.result(told, f"{name} ({view.subject}) signs from the next start on, until {view.not_after:%Y-%m-%d}")
    return 0


@command.command("cross-sign")
@click.argument("name")
@dir_option
@click.option("--root", "other", type=_File, required=True, help="The other root's certificate (PEM).")
@_with_root
@framed
def cross_sign(output: Output, settings: Settings, directory: Path | None, name: str, other: Path, **given: Any) -> int:
    """Have another root vouch for an issuer, for clients that trust that one alone: offered as an alternate chain."""
    from random import SystemRandom

    from evercert.base.clock import SystemClock
    from evercert.ca.setup.hierarchy import cross_sign_issuer
    from evercert.pki.cert import read_certificate

    root = _root(settings, other, given["root_key"], given["root_passphrase"])
    made = cross_sign_issuer(ca_folder(settings, directory), name, root, SystemClock().now(), SystemRandom())
    view = read_certificate(made)
    told = {"name": name, "serial": view.serial, "issuer": view.issuer}
    output.result(told, f"{name} is offered with a chain by {view.issuer} as well, from the next start on")
    return 0


@command.command("retire")
@click.argument("name")
@dir_option
@framed
def retire(output: Output, settings: Settings, directory: Path | None, name: str) -> int:
    """Sign nothing new with an issuer; what it has signed lives on, and its status is answered."""
    from evercert.ca.setup.hierarchy import retire_issuer

    retire_issuer(ca_folder(settings, directory), name)
    output.result({"name": name}, f"{name} signs nothing new from the next start on")
    return 0


def _root(settings: Settings, certificate: Path, key: Path, passphrase: str) -> Signer:
    from evercert.ca.setup.hierarchy import root_signer
    from evercert.config.references import resolve
    from evercert.pki.chain import split_pem

    return root_signer(split_pem(certificate.read_bytes())[0], key, resolve(passphrase, settings.environ))


def _sealer(settings: Settings, folder: Path) -> Sealer:
    from evercert.ca.node.opening import sealer_of
    from evercert.ca.setup.settings import load_ca_settings

    return sealer_of(folder, load_ca_settings(folder / "ca.toml"), settings.environ)
