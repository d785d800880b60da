"""A TLS server that shows, to whoever speaks `acme-tls/1` (RFC 8737), the certificate that dehydrated made for a name.

python -m tests.strangers.alpn_responder FOLDER     # on 127.0.0.1:443, until it is ended
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from pathlib import Path

_PROTOCOL = "acme-tls/1"


def main(folder: Path) -> None:
    """One connection after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([_PROTOCOL])
    context.sni_callback = lambda tls, name, _: _show(tls, folder, name)
    with socket.create_server(("127.0.0.1", 443)) as listening:
        while True:
            connection, _ = listening.accept()
            connection.settimeout(5)
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                tls.unwrap()


def _show(tls: ssl.SSLObject, folder: Path, name: str | None) -> int | None:
    certificate = folder / f"{name}.crt.pem"
    if not certificate.exists():
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([_PROTOCOL])
    context.load_cert_chain(certificate, folder / f"{name}.key.pem")
    tls.context = context
    return None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
