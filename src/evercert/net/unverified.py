"""One file from a server of which nothing is believed: for what proves itself, a root of a known fingerprint."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from evercert.base.errors import EvercertError, NetworkFailure

__all__ = ["fetch_unverified"]

_SECONDS = 10.0


def fetch_unverified(url: str, limit: int) -> bytes:
    """The body at the URL (https or http), of at most *limit* octets. Whoever is on the way may have made it: check it.

    Raises `bad-input`, and `NetworkFailure` where there is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        raise EvercertError("bad-input", "that is not a URL of a server", hint="such as https://ca.corp.test:8443")
    connection = _connection(parts.scheme, parts.hostname, parts.port)
    try:
        connection.request("GET", parts.path or "/", headers={"Accept-Encoding": "identity"})
        answer = connection.getresponse()
        body = answer.read(limit + 1)
    except (OSError, http.client.HTTPException) as error:
        raise NetworkFailure("unreachable", f"{parts.hostname} cannot be asked: {type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != 200 or len(body) > limit:
        raise NetworkFailure("bad-answer", f"{parts.hostname} answered with status {answer.status}, or with too much")
    return body


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
