"""One request to a CA and its answer, as flows: signed, sent again where that is right, judged.

Rules of this file:

* A nonce is used once, and a request that is sent again is signed again.
* Only what may be done twice is sent again when its fate is unknown. A refusal (badNonce, 503) is
  no such case, because the server says that it did nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urljoin

from evercert.acme.foreign import shown
from evercert.acme.jose import CONTENT_TYPE, Signer, sign
from evercert.acme.patience import Patience
from evercert.acme.problem import Problem, refusal
from evercert.acme.session import Session
from evercert.acme.step import TURN, Flow, Sleep
from evercert.acme.wire import Directory, Resource
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response

__all__ = ["directory", "fetch", "fresh_nonce", "get", "post", "post_as_get"]

# RFC 8555 gives no number; browsers follow 20, and no CA needs more than one.
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_DIRECTORY = (
    "is that the URL of the CA's directory, such as https://ca.corp.test:8443/acme/directory? "
    "`evercert ca list --known` has those of public CAs"
)

_T = TypeVar("_T", bound=Resource)


def directory(session: Session, *, refresh: bool = False) -> Flow[Directory]:
    """The CA's directory (RFC 8555 §7.1.1): the one in memory, or fetched if it is a day old."""
    if session.directory and not refresh:
        return session.directory
    try:
        response = yield from _followed(session, session.directory_url)
    except Problem as problem:
        problem.hint = problem.hint or _NO_DIRECTORY
        raise
    known = session.read(Directory, response, session.directory_url)
    session.keep_directory(known, response.received_at)
    return known


def post(
    session: Session,
    url: str,
    payload: bytes | None,
    *,
    repeatable: bool = False,
    key: Signer | None = None,
    accept: str = "",
) -> Flow[Response]:
    """POST a signed request (§6.2); what is returned is a success.

    Signed for the account, or with *key* itself where one is given (newAccount, revocation by
    certificate key). Where the request is not *repeatable* and its fate is unknown, raises
    `NetworkFailure`; where the server refuses, `Problem`.
    """

    def signed() -> Flow[Request]:
        nonce = session.take_nonce() or (yield from fresh_nonce(session))
        kid = "" if key else session.known_account
        body = sign(key or session.signer, url=url, nonce=nonce, payload=payload, kid=kid)
        headers = {"content-type": CONTENT_TYPE} | ({"accept": accept} if accept else {})
        return Request("POST", url, headers, body)

    return _successful((yield from _insist(session, signed, Patience(repeatable))))


def post_as_get(session: Session, url: str, *, accept: str = "") -> Flow[Response]:
    """Read the resource at *url* (§6.3)."""
    return (yield from post(session, session.checked(url), None, repeatable=True, accept=accept))


def fetch(session: Session, kind: type[_T], url: str) -> Flow[_T]:
    """The resource at *url*, as it is now."""
    return session.read(kind, (yield from post_as_get(session, url)), url)


def get(session: Session, url: str, *, method: str = "GET") -> Flow[Response]:
    """Read what needs no account: a nonce, renewal information."""
    return _successful((yield from _plain(session, url, method, Patience(repeatable=True))))


def fresh_nonce(session: Session) -> Flow[str]:
    """A nonce that the server has just made (§7.2)."""
    url = (yield from directory(session)).new_nonce
    response = yield from get(session, url, method="HEAD")
    nonce = session.take_nonce()
    if nonce is None:
        sent = response.header("replay-nonce") or ""
        raise EvercertError("bad-answer", f"the server sent no nonce that can be used: {shown(sent, 60)!r}")
    return nonce


def _followed(session: Session, url: str) -> Flow[Response]:
    # Tried twice at most: nothing is under way yet, and a mistyped URL should be an error soon.
    for _ in range(_MAX_REDIRECTS + 1):
        response = yield from _plain(session, url, "GET", Patience(repeatable=True, most=1))
        if response.status not in _REDIRECTS:
            return _successful(response)
        url = session.checked(urljoin(url, response.header("location") or ""))
    raise EvercertError("bad-answer", "the server redirects without end")


def _plain(session: Session, url: str, method: str, patience: Patience) -> Flow[Response]:
    def unsigned() -> Flow[Request]:
        yield from ()
        return Request(method, url)

    return (yield from _insist(session, unsigned, patience))


def _insist(session: Session, make: Callable[[], Flow[Request]], patience: Patience) -> Flow[Response]:
    while True:
        yield TURN
        request = yield from make()
        try:
            response = yield request
        except NetworkFailure as failure:
            pause: Sleep | None = patience.after_failure(failure)
        else:
            session.latest = response.received_at
            session.keep_nonce(response)
            if response.status < 400:
                return response
            pause = patience.after_refusal(refusal(response))
        if pause is not None:
            yield pause


def _successful(response: Response) -> Response:
    if 200 <= response.status < 300:
        return response
    raise EvercertError("bad-answer", f"the server answered with status {response.status}")
