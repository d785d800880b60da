"""One exception, many stable codes.

Rules of this file:

* A code is a promise: scripts branch on it. Codes are added, never renamed.
* Everything that is true of a code (exit status, retry verdict, meaning) stands in
  `CODES` and nowhere else; the CLI, the API and the docs derive theirs from it.
* A subclass exists only where some caller branches on the class.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

__all__ = ["CODES", "Code", "EvercertError", "Exit", "NetworkFailure", "Retry", "as_failure"]

_log = logging.getLogger(__name__)


class Retry(Enum):
    """What a failure says about trying again."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"
    OTHER_CA = "other-ca"


class Exit(Enum):
    """Exit statuses of the command line; the documented contract with scripts."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    MUST_WAIT = 5
    NETWORK = 6
    CHALLENGE = 7
    DEPLOY = 8
    STORE = 9
    BUSY = 10


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of failure: how it ends a command, whether to try again, what it means."""

    name: str
    exit: Exit
    retry: Retry
    meaning: str


CODES: Final[dict[str, Code]] = {
    code.name: code
    for code in (
        Code("internal", Exit.FAILED, Retry.LATER, "Evercert itself failed; please report it"),
        Code("bad-input", Exit.USAGE, Retry.NEVER, "an argument, file or setting is not valid"),
        Code("bad-name", Exit.USAGE, Retry.NEVER, "not a DNS name or IP address that a certificate can carry"),
        Code("not-found", Exit.NOT_FOUND, Retry.NEVER, "there is no such certificate, account, CA or plugin"),
        Code("not-allowed", Exit.REFUSED, Retry.NEVER, "whoever asks is not known, or may not do that"),
        Code("exists", Exit.USAGE, Retry.NEVER, "something of that name is already there"),
        Code("unreachable", Exit.NETWORK, Retry.LATER, "a server could not be reached"),
        Code("timeout", Exit.NETWORK, Retry.LATER, "a server did not answer in time"),
        Code("tls", Exit.NETWORK, Retry.LATER, "a server's TLS certificate was not accepted"),
        Code("too-large", Exit.NETWORK, Retry.LATER, "a peer sent more than Evercert accepts"),
        Code("insecure-url", Exit.USAGE, Retry.NEVER, "the URL is not https, and that was not allowed explicitly"),
        Code("bad-answer", Exit.REFUSED, Retry.LATER, "a server's answer does not follow the protocol"),
        Code("acme", Exit.REFUSED, Retry.LATER, "the CA answered with a problem document"),
        Code("ca-refused", Exit.REFUSED, Retry.OTHER_CA, "the CA will not issue this certificate"),
        Code("rate-limited", Exit.MUST_WAIT, Retry.LATER, "the CA asks to wait"),
        Code("order-invalid", Exit.CHALLENGE, Retry.LATER, "the CA gave the order up"),
        Code("challenge-failed", Exit.CHALLENGE, Retry.LATER, "the CA could not validate a name"),
        Code("no-challenge", Exit.CHALLENGE, Retry.NEVER, "the CA offers no challenge that is configured for the name"),
        Code("wait-exceeded", Exit.MUST_WAIT, Retry.LATER, "a peer was not done within the time allowed"),
        Code("dns", Exit.NETWORK, Retry.LATER, "a DNS question got no usable answer"),
        Code(
            "zone-not-found",
            Exit.CHALLENGE,
            Retry.NEVER,
            "no DNS zone holds the name, or the provider does not have it",
        ),
        Code("provider", Exit.CHALLENGE, Retry.LATER, "a DNS provider refused a change"),
        Code("propagation", Exit.CHALLENGE, Retry.LATER, "a record did not reach every server in time"),
        Code("port", Exit.CHALLENGE, Retry.LATER, "a port could not be opened"),
        Code("bad-key", Exit.USAGE, Retry.NEVER, "a private key cannot be used"),
        Code("bad-certificate", Exit.REFUSED, Retry.LATER, "a certificate or chain is not what was asked for"),
        Code("deploy", Exit.DEPLOY, Retry.LATER, "a certificate could not be installed"),
        Code("not-served", Exit.DEPLOY, Retry.LATER, "a server does not serve the certificate that was installed"),
        Code("program", Exit.DEPLOY, Retry.LATER, "a program that was run failed"),
        Code("hook", Exit.REFUSED, Retry.LATER, "a program or an endpoint did not take an event"),
        Code("store", Exit.STORE, Retry.LATER, "the store could not be read or written"),
        Code("held", Exit.MUST_WAIT, Retry.LATER, "a limit of the CA leaves no room for another order yet"),
        Code("stopped", Exit.BUSY, Retry.NEVER, "nothing is done for the certificate until somebody resumes it"),
        Code("conflict", Exit.BUSY, Retry.NOW, "somebody else changed the same thing first"),
        Code("bad-attestation", Exit.CHALLENGE, Retry.NEVER, "what a device says of its key was not accepted"),
        Code("token", Exit.STORE, Retry.LATER, "a PKCS #11 token could not be used"),
        Code("sealed", Exit.STORE, Retry.NEVER, "a sealed secret cannot be opened with this master key"),
    )
}


class EvercertError(Exception):
    """What happened, to which name, at which CA, and what can be done now.

    `message` is a lower-case clause without a full stop; `hint` is the next step for the
    user, and may be empty. `retry` is the code's verdict unless the raiser knows better;
    `after` is how long to wait before trying again, where that is known. `parts` are the same of other names, where
    it is about several.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        name: str = "",
        ca: str = "",
        retry: Retry | None = None,
        after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.code = CODES[code]
        self.message = message
        self.hint = hint
        self.name = name
        self.ca = ca
        self.retry = retry or self.code.retry
        self.after = after
        self.parts: tuple[EvercertError, ...] = ()

    def __str__(self) -> str:
        about = ": ".join(part for part in (self.name, self.message) if part)
        return f"{about} (at {self.ca})" if self.ca else about

    def about(self, *, name: str = "", ca: str = "") -> EvercertError:
        """The same error, told of a name and a CA unless it already knows them."""
        self.name = self.name or name
        self.ca = self.ca or ca
        return self


class NetworkFailure(EvercertError):
    """A request whose fate is unknown: the peer may or may not have acted on it.

    Its own class because a flow resends what is safe to repeat and looks up what is not.
    """


def as_failure(error: Exception) -> EvercertError:
    """*error*; or where nobody foresaw it, that one of its kind happened. Its own words are for the log of whoever
    looks for the mistake: they may hold anything."""
    if isinstance(error, EvercertError):
        return error
    _log.debug("nobody foresaw this", exc_info=error)
    return EvercertError("internal", f"an unexpected {type(error).__name__}")
