"""`evercert ca trust`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.cli.ca.folder import ca_folder, dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]

_MAX_ROOT: Final = 64 * 1024


@click.group("trust")
def command() -> None:
    """Have this machine trust a CA: the one in --dir, or one elsewhere by its URL and its root's fingerprint."""


def _which(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which root is meant."""
    words = "The root's SHA-256, as `ca init` printed it: no prior trust is needed."
    function = click.option("--fingerprint", metavar="SHA256", help=words)(function)
    return click.option("--url", metavar="URL", help="Of a CA elsewhere: https://HOST:PORT.")(function)


@command.command("install")
@dir_option
@_which
@framed
def install(
    output: Output, settings: Settings, directory: Path | None, url: str | None, fingerprint: str | None
) -> int:
    """Put the root into this machine's trust store (Linux, macOS; as root).

    \b
    evercert ca trust install --url https://ca.corp.test:8443 --fingerprint 2f9e5b32...
    """
    from evercert.host.trust import store_here, trust
    from evercert.pki.cert import certificate_pem

    root = _root(settings, directory, url, fingerprint)
    store = store_here()
    file = in_loop(trust(store, _called(root), certificate_pem(root)))
    told = {"file": str(file), "store": store.name, "fingerprint": _fingerprint(root)}
    output.result(told, f"trusted: {_fingerprint(root)}", f"  in {file} ({store.name})", *_elsewhere(file))
    return 0


@command.command("uninstall")
@dir_option
@_which
@framed
def uninstall(
    output: Output, settings: Settings, directory: Path | None, url: str | None, fingerprint: str | None
) -> int:
    """Take the root out of this machine's trust store again. With --fingerprint no CA has to be asked."""
    from evercert.host.trust import distrust, store_here

    called = _called_by(fingerprint) if fingerprint else _called(_root(settings, directory, url, fingerprint))
    was = in_loop(distrust(store_here(), called))
    output.result({"trusted_before": was}, "not trusted any more" if was else "it was not trusted on our account")
    return 0


@command.command("show")
@dir_option
@_which
@framed
def show(output: Output, settings: Settings, directory: Path | None, url: str | None, fingerprint: str | None) -> int:
    """Print the root and its fingerprint, to be imported by hand."""
    from evercert.pki.cert import certificate_pem

    root = _root(settings, directory, url, fingerprint)
    pem = certificate_pem(root)
    output.result({"fingerprint": _fingerprint(root), "pem": pem}, _fingerprint(root), pem.rstrip())
    return 0


def _root(settings: Settings, directory: Path | None, url: str | None, fingerprint: str | None) -> bytes:
    """The root's certificate (DER): from the folder, or from elsewhere once its fingerprint is right."""
    if url is None:
        from evercert.ca.issuing.loading import load_root

        return load_root(ca_folder(settings, directory))
    if not fingerprint:
        raise click.UsageError("--url goes with --fingerprint: without it anybody on the way could be the CA")
    from evercert.pki.chain import split_pem

    wanted = _hex(fingerprint)
    root = split_pem(_fetched(url, wanted))[0]
    if _fingerprint(root) != wanted:
        raise EvercertError(
            "bad-certificate",
            f"{url} showed another root than the one of that fingerprint",
            hint="somebody may be in between: nothing was installed",
        )
    return root


def _fetched(url: str, fingerprint: str) -> bytes:
    """What the server at *url* shows as the root of that fingerprint."""
    from evercert.net.unverified import fetch_unverified

    try:
        return fetch_unverified(f"{url.rstrip('/')}/root/{fingerprint}", _MAX_ROOT)
    except NetworkFailure as failure:
        if failure.code.name == "bad-answer":
            failure.hint = "it has no root of that fingerprint: `evercert ca trust show` prints the right one at the CA"
        raise


def _hex(fingerprint: str) -> str:
    digits = fingerprint.replace(":", "").lower()
    if len(digits) != 64 or any(digit not in "0123456789abcdef" for digit in digits):
        raise EvercertError("bad-input", "a fingerprint is 64 hex digits", hint="`evercert ca trust show` prints it")
    return digits


def _fingerprint(root: bytes) -> str:
    from evercert.pki.cert import read_certificate

    return read_certificate(root).fingerprint


def _called(root: bytes) -> str:
    return _called_by(_fingerprint(root))


def _called_by(fingerprint: str) -> str:
    return f"evercert-{_hex(fingerprint)[:16]}"


def _elsewhere(file: Path) -> tuple[str, ...]:
    """What reads no system store has to be told by itself."""
    return (
        f"  Firefox, Chromium   certutil -A -d sql:$HOME/.pki/nssdb -t C,, -n evercert -i {file}",
        f"  Java                keytool -importcert -cacerts -alias evercert -file {file}",
        f"  Windows             certutil -addstore Root {file.name}",
    )
