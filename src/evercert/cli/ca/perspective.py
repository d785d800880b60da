"""`evercert ca perspective`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evercert.base.errors import EvercertError
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.references import resolve
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from evercert.ca.validation.perspective_app import Callers, PerspectiveApplication
    from evercert.net.serve import TlsIdentity

__all__ = ["command"]

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_MAX_PEM = 1 << 20
_GRACE = 10.0


@click.command("perspective")
@click.option("--listen", required=True, metavar="ADDRESS:PORT", help="Where the CA asks; an IPv6 address in [].")
@click.option(
    "--certificate", type=_File, help="The chain (PEM) that it shows; none: plain http, for a proxy in front."
)
@click.option("--key", metavar="REF", help="Its private key, by reference: file:PATH, env:NAME or cred:NAME.")
@click.option("--token", metavar="REF", help="The word that the CA says, by reference.")
@click.option("--client-roots", type=_File, help="Roots (PEM) that the CA's client certificate leads to.")
@click.option("--client", "clients", multiple=True, metavar="SHA256", help="The certificate itself (hex of its DER).")
@click.option("--resolver", "resolvers", multiple=True, metavar="ADDRESS", help="Of a DNS server, perhaps with :port.")
@click.option("--allow", multiple=True, metavar="CIDR", help="A special block to connect to, such as 10.0.0.0/8.")
@click.option("--deny", multiple=True, metavar="CIDR", help="A block not to connect to; goes before --allow.")
@click.option("--http-port", type=click.IntRange(1, 65535), default=80, help="For http-01, in labs.")
@click.option("--tls-port", type=click.IntRange(1, 65535), default=443, help="For tls-alpn-01, in labs.")
@framed
def command(output: Output, settings: Settings, **given: Any) -> int:
    """Look at names for a CA from here, until told to stop.

    A CA that is told of it (`[[validation.perspectives]]` in its ca.toml) issues only for what enough perspectives see
    as it does. Who may ask proves it by --token or --client; let nobody else reach the port.
    """
    try:
        return in_loop(_serve(output, settings, given))
    except KeyboardInterrupt:
        output.note("ended")
        return 0


async def _serve(output: Output, settings: Settings, given: dict[str, Any]) -> int:
    import asyncio

    from evercert.base.clock import SystemClock
    from evercert.net.serve import HttpServer, Limits

    address, _, port = given["listen"].rpartition(":")
    if not address or not port.isdecimal() or int(port) > 65535:
        raise click.UsageError("--listen wants ADDRESS:PORT, such as 192.0.2.1:9443")
    clock = SystemClock()
    application = _application(_callers(settings, given), given)
    server = HttpServer(application, tls=_identity(settings, given), limits=Limits(), clock=clock)
    bound = await server.start([address.strip("[]")], int(port))
    try:
        output.result({"bound": [address, bound]}, f"looking for a CA, listening on {address}:{bound}")
        await asyncio.Event().wait()
    finally:
        await server.close(_GRACE)
    return 0


def _application(callers: Callers, given: dict[str, Any]) -> PerspectiveApplication:
    from evercert.base.clock import SystemClock
    from evercert.ca.validation.claim import Reach
    from evercert.ca.validation.perspective_app import PerspectiveApplication
    from evercert.ca.validation.policy import NetworkPolicy
    from evercert.net.validating.network import ValidatingNetwork

    policy = NetworkPolicy(given["allow"], given["deny"])
    network = ValidatingNetwork(given["resolvers"])
    reach = Reach(network, policy, http_port=given["http_port"], tls_port=given["tls_port"])
    return PerspectiveApplication(reach, callers, SystemClock())


def _callers(settings: Settings, given: dict[str, Any]) -> Callers:
    from evercert.base.secret import Secret
    from evercert.ca.validation.perspective_app import Callers

    token = resolve(given["token"], settings.environ) if given["token"] else Secret("")
    clients = frozenset(each.replace(":", "").lower() for each in given["clients"])
    if not token.reveal() and not clients:
        raise click.UsageError("nobody could ask: say --token, or --client with --client-roots")
    if clients and not given["client_roots"]:
        raise click.UsageError("--client wants --client-roots, by which its certificate is verified")
    return Callers(token, clients)


def _identity(settings: Settings, given: dict[str, Any]) -> TlsIdentity | None:
    from evercert.net.serve import TlsIdentity

    if bool(given["certificate"]) != bool(given["key"]):
        raise click.UsageError("--certificate and --key go together")
    if not given["certificate"]:
        if given["client_roots"]:
            raise click.UsageError("--client-roots wants --certificate and --key: no client shows itself without TLS")
        return None
    roots = _pem(given["client_roots"]) if given["client_roots"] else ""
    return TlsIdentity(_pem(given["certificate"]), resolve(given["key"], settings.environ), client_roots=roots)


def _pem(file: Path) -> str:
    from evercert.host.files import read_bounded

    try:
        return read_bounded(file, _MAX_PEM).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise EvercertError("bad-input", f"{file} cannot be read as PEM") from error
