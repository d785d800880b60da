"""Text, times and URLs of a server's, made safe to show and to use (design law 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import SplitResult, urljoin, urlsplit

from evercert.base.errors import EvercertError
from evercert.base.message import Response

__all__ = ["checked_url", "links", "retry_after", "shown"]

# Let's Encrypt's slowest limit refills within seven days; whoever asks for more (the year 9999)
# is asked again then.
LONGEST_RETRY_AFTER = timedelta(days=7)

_MAX_URL = 2048
_MAX_LINK_HEADER = 16_384
# RFC 3986 §2: what may stand in a URI. Anything else (spaces, controls, quotes, backslashes) is
# refused rather than repaired, because two programs repair it in two ways.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
# RFC 8288 §3: <target> followed by parameters, each a token with a token or a quoted string.
_LINK = re.compile(r'<([^<>"\s]*)>((?:\s*;\s*[\w!#$&*+.^`|~-]+(?:\s*=\s*(?:"[^"]*"|[^\s",;]*))?)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]*))', re.IGNORECASE)


def shown(text: str, limit: int = 200) -> str:
    """A peer's *text*, fit for one line of a message: printable characters only, and not too many."""
    line = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 3] + "..."


def retry_after(response: Response) -> timedelta | None:
    """How long the server asks to wait (RFC 9110 §10.2.3: seconds or an HTTP date), never negative
    and at most a week; None where it says nothing that can be understood."""
    value = (response.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        seconds = int(value[:12])
        return min(timedelta(seconds=min(seconds, 10**6)), LONGEST_RETRY_AFTER)
    moment = _http_date(value) if value else None
    if moment is None:
        return None
    return min(max(moment - response.received_at, timedelta()), LONGEST_RETRY_AFTER)


def _http_date(value: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # here, because it is slow to import and rarely needed

    try:
        moment = parsedate_to_datetime(value[:64])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def checked_url(url: str, *, directory: str, allow_http: bool) -> str:
    """*url*, if a request may go there: absolute, https, without a user's name in it.

    Plain http is for a directory that was opened with it, and there for its own origin alone.
    Raises `bad-answer`.
    """
    home = _home(directory, allow_http)
    # Nearly all URLs are at this origin, and to take each apart is what costs here.
    if home and url.startswith(home) and len(url) <= _MAX_URL and _URL.fullmatch(url):
        return url
    parts = _split(url)
    if parts is None or not parts.hostname or parts.username is not None or parts.password is not None:
        raise EvercertError("bad-answer", f"the server sent a URL that cannot be used: {shown(url)!r}")
    if parts.scheme == "https":
        return url
    if parts.scheme == "http" and allow_http and _origin(parts) == _origin(urlsplit(directory)):
        return url
    raise EvercertError("bad-answer", f"the server sent a URL that is not https: {shown(url)!r}")


@lru_cache(maxsize=32)
def _home(directory: str, allow_http: bool) -> str | None:
    """What every URL at the directory's own origin begins with; None where that must not be gone to."""
    parts = _split(directory)
    if parts is None or not parts.hostname or "@" in parts.netloc:
        return None
    usable = {"https", "http"} if allow_http else {"https"}
    return f"{parts.scheme}://{parts.netloc}/" if parts.scheme in usable else None


def _split(url: str) -> SplitResult | None:
    if len(url) > _MAX_URL or not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


def links(response: Response, relation: str, base: str) -> Iterator[str]:
    """The targets of the response's links of that *relation* (RFC 8288), relative ones resolved
    against *base*. Not yet checked."""
    for header in response.header_list("link"):
        for match in _LINK.finditer(header[:_MAX_LINK_HEADER]):
            rel = _REL.search(match[2])
            relations = (rel[1] or rel[2] or "").lower().split() if rel else []
            if relation in relations:
                yield _joined(base, match[1])


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:  # a malformed IPv6 host; `checked_url` refuses the target as it is
        return target
