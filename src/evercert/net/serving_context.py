"""What a TLS server of ours shows: a chain and its key, from memory."""

from __future__ import annotations

import os
import ssl

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret

__all__ = ["serving_context"]


def serving_context(chain_pem: str, key_pem: Secret) -> ssl.SSLContext:
    """A server's side of TLS 1.2 and later that shows this chain. Raises `bad-certificate` for what cannot be shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Python loads keys from files alone; this one is memory, and gone when it is closed.
    descriptor = os.memfd_create("evercert-key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, chain_pem.encode() + b"\n" + key_pem.reveal())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except (OSError, ssl.SSLError) as error:
        raise EvercertError("bad-certificate", "a TLS server cannot show this certificate with this key") from error
    finally:
        os.close(descriptor)
    return context
