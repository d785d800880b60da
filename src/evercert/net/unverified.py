"""One file from a server of which nothing is believed: for what proves itself, a root of a known fingerprint."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.foreign import one_line
from evercert.net import failures

__all__ = ["fetch_unverified"]

_SECONDS = 10.0
_SHOWN = 200


def fetch_unverified(url: str, limit: int) -> bytes:
    """The body at the URL (https or http), of at most *limit* octets. Whoever is on the way may have made it: check it.

    Raises `bad-input`, and `NetworkFailure` where there is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        hint = "such as https://ca.corp.test:8443"
        shown = repr(one_line(url, _SHOWN)) if "@" not in url else "what holds a name or a password"
        raise EvercertError("bad-input", f"{shown} is not a URL of a server", hint=hint)
    connection = _connection(parts.scheme, parts.hostname, parts.port)
    try:
        connection.request("GET", parts.path or "/", headers={"Accept-Encoding": "identity"})
        answer = connection.getresponse()
        body = answer.read(limit + 1)
    except (OSError, http.client.HTTPException) as error:
        raise _failure(parts.netloc, error) from error
    finally:
        connection.close()
    if answer.status != 200 or len(body) > limit:
        what = f"with status {answer.status}" if answer.status != 200 else f"with more than {limit} bytes"
        raise NetworkFailure("bad-answer", f"{parts.netloc} answered {what}")
    return body


def _failure(host: str, error: OSError | http.client.HTTPException) -> NetworkFailure:
    if isinstance(error, http.client.HTTPException):
        return failures.unfinished(host, type(error).__name__)
    if isinstance(error, TimeoutError):
        return failures.timed_out(host, _SECONDS)
    return failures.tls_failed(host, error) if isinstance(error, ssl.SSLError) else failures.refused(host, error)


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
