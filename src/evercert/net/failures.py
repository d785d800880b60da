"""What went wrong on the way to a peer, in words that help."""

from __future__ import annotations

import errno
import os
import ssl

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.foreign import one_line

__all__ = [
    "blame_ourselves",
    "broken_off",
    "is_cut_off",
    "proxy_failed",
    "refused",
    "timed_out",
    "tls_failed",
    "too_large",
    "unfinished",
]

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def refused(host: str, error: OSError | str) -> NetworkFailure:
    """Nothing was sent, or nobody answered: the name, the route or the port."""
    # A failed name look-up numbers its errors below zero, and an event loop has words of its own.
    number = 0 if isinstance(error, str) else error.errno or 0
    words = os.strerror(number).lower() if number > 0 else str(error)
    return NetworkFailure(
        "unreachable",
        f"cannot reach {host}: {one_line(words)}",
        hint="is the name right, and may this machine go there?",
    )


def blame_ourselves(error: BaseException) -> None:
    """Raises `internal` where it is this machine that has no file, buffer or memory left: no peer's fault."""
    if isinstance(error, OSError) and error.errno in _OURS:
        words = os.strerror(error.errno).lower()
        raise EvercertError("internal", f"this machine can open no more sockets: {words}") from error


def broken_off(host: str, error: OSError) -> NetworkFailure:
    """The connection came about and failed later."""
    number = error.errno or 0
    words = os.strerror(number).lower() if number > 0 else type(error).__name__
    return NetworkFailure("unreachable", f"the connection to {host} broke off: {words}")


def timed_out(host: str, seconds: float) -> NetworkFailure:
    return NetworkFailure(
        "timeout", f"{host} did not answer within {seconds:g} s", hint="a firewall that drops packets looks like this"
    )


def tls_failed(host: str, error: Exception) -> NetworkFailure:
    if isinstance(error, ssl.SSLCertVerificationError):
        words = f"the certificate of {host} is not trusted: {one_line(error.verify_message)}"
        return NetworkFailure("tls", words, hint="for a CA of your own give its root with --ca-roots FILE")
    words = error.reason if isinstance(error, ssl.SSLError) and error.reason else type(error).__name__
    return NetworkFailure("tls", f"no TLS with {host}: {one_line(words)}")


def is_cut_off(error: BaseException | None) -> bool:
    """Whether it is TLS's word for an end without a goodbye; the libraries have two."""
    ends = isinstance(error, ssl.SSLEOFError)
    return ends or (isinstance(error, ssl.SSLError) and error.reason == "UNEXPECTED_EOF_WHILE_READING")


def proxy_failed(host: str, what: str) -> NetworkFailure:
    """Never names the proxy: its URL may hold a password."""
    return NetworkFailure(
        "unreachable",
        f"the proxy did not lead to {host}: {one_line(what)}",
        hint="is the proxy setting right, and does the proxy let this machine go there?",
    )


def too_large(host: str, limit: int) -> NetworkFailure:
    return NetworkFailure("too-large", f"{host} sent more than the {limit} bytes that are accepted")


def unfinished(host: str, what: str) -> NetworkFailure:
    """The peer spoke, but not to an end that can be used; whether it acted is unknown."""
    return NetworkFailure("unreachable", f"the answer of {host} was cut off or is no HTTP: {one_line(what)}")
