"""One account at one CA: what is remembered between requests.

Trusted: whoever can change a session can make us sign for another CA. It lives in memory only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urljoin

from evercert.acme import wire
from evercert.acme.foreign import checked_url, links, retry_after, shown
from evercert.acme.jose import Signer
from evercert.base.errors import EvercertError
from evercert.base.message import Response

__all__ = ["Session"]

# One for each certificate that may be under way at once; what comes beyond is forgotten, since a
# HEAD brings another. CAs keep theirs valid for some 65,000 requests or an hour.
_MAX_NONCES = 1024
# RFC 8555 §6.5.1: base64url. CAs use 22 to 90 characters.
_NONCE = re.compile(r"[A-Za-z0-9_-]{1,512}")

# A process that runs for months must notice that its CA has moved a URL or learnt something new.
_DIRECTORY_LIFE = timedelta(days=1)

_T = TypeVar("_T", bound=wire.Resource)


class Session:
    """Owned by one client; shared by all of its flows, which run on one loop or thread.

    `account_url` is empty until the account is known. `latest` is when the server last answered,
    by the local clock.
    """

    def __init__(self, directory_url: str, signer: Signer, *, account_url: str = "", allow_http: bool = False) -> None:
        self.directory_url = _checked_directory(directory_url, allow_http)
        self.signer = signer
        self.account_url = account_url
        self.allow_http = allow_http
        self.latest: datetime | None = None
        self._directory: wire.Directory | None = None
        self._directory_at: datetime | None = None
        self._nonces: list[str] = []

    @property
    def known_account(self) -> str:
        """The account's URL; raises `not-found` where there is none yet."""
        if not self.account_url:
            raise EvercertError("not-found", "this key has no account at the CA yet", hint="register it first")
        return self.account_url

    @property
    def directory(self) -> wire.Directory | None:
        """The directory, unless it was never fetched or is more than a day old."""
        if self.latest and self._directory_at and self.latest - self._directory_at > _DIRECTORY_LIFE:
            return None
        return self._directory

    def keep_directory(self, directory: wire.Directory, fetched_at: datetime) -> None:
        self._directory, self._directory_at = directory, fetched_at

    def take_nonce(self) -> str | None:
        """Hand out a nonce once; None means fetch one first. A taken nonce is gone even if it is
        never sent. The newest first: the older one is, the likelier a server forgot it."""
        return self._nonces.pop() if self._nonces else None

    def keep_nonce(self, response: Response) -> None:
        """Keep the nonce that comes with every answer, errors included (§6.5)."""
        nonce = response.header("replay-nonce")
        if nonce and _NONCE.fullmatch(nonce) and len(self._nonces) < _MAX_NONCES:
            self._nonces.append(nonce)

    def checked(self, url: str) -> str:
        """*url*, if the server may send us there; raises `bad-answer`."""
        return checked_url(url, directory=self.directory_url, allow_http=self.allow_http)

    def read(self, kind: type[_T], response: Response, url: str) -> _T:
        """The resource in *response*, every URL in it checked; raises `bad-answer`."""
        resource = wire.decode(kind, response.body, url=url, retry_after=retry_after(response))
        for each in resource.server_urls():
            self.checked(each)
        return resource

    def location(self, response: Response, request_url: str) -> str:
        """Where a POST made its resource (§7.3, §7.4); raises `bad-answer` if it does not say."""
        target = response.header("location")
        if not target:
            raise EvercertError("bad-answer", "the server made a resource and did not say where")
        return self.checked(urljoin(request_url, target))

    def links(self, response: Response, relation: str, request_url: str) -> Iterator[str]:
        """The targets of the response's links, each checked."""
        return (self.checked(target) for target in links(response, relation, request_url))


def _checked_directory(url: str, allow_http: bool) -> str:
    try:
        return checked_url(url, directory=url, allow_http=allow_http)
    except EvercertError:
        scheme = url.partition(":")[0].lower()
    if scheme == "http":
        raise EvercertError(
            "insecure-url", "the directory URL is not https", ca=shown(url), hint="use https, or allow http explicitly"
        )
    raise EvercertError("bad-input", f"{shown(url)!r} is not the URL of an ACME directory", hint="write https://...")
