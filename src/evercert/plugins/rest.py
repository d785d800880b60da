"""A JSON API over HTTP as DNS providers have it: bounded, patient, and clear when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from evercert.acme.foreign import retry_after
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError, NetworkFailure, Retry
from evercert.base.foreign import one_line
from evercert.base.message import Request, Response, Transport

__all__ = ["Rest"]

_TRIES = 4
# A provider that asks for a longer pause is not waited for; the engine comes back instead.
_LONGEST_PAUSE = timedelta(seconds=30)
_BUSY = frozenset({429, 502, 503, 504})


class Rest:
    """Calls of one provider's API. Safe to use from many tasks at once.

    A call is repeated where the API says that it is busy (429, 502, 503, 504) or the network
    failed, so use it for calls that may be repeated. `explain` picks the API's own words out of a
    refused call's decoded body. Headers may hold secrets; nothing of them is ever shown.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        transport: Transport,
        clock: Clock,
        *,
        headers: Mapping[str, str] | None = None,
        explain: Callable[[Any], str] = str,
    ) -> None:
        self._provider = provider
        self._base_url = _checked(provider, base_url)
        self._transport = transport
        self._clock = clock
        self._headers = {"accept": "application/json", **(headers or {})}
        self._explain = explain

    async def get(self, path: str, **query: str) -> Any:
        return await self.call("GET", path + ("?" + urlencode(query) if query else ""))

    async def call(self, method: str, path: str, document: object = None, *, missing_ok: bool = False) -> Any:
        """The decoded answer; None where it is empty, or 404 and *missing_ok*.

        Raises `provider` with the API's own words, `retry` never where the credentials were refused.
        """
        response = await self._answered(self._request(method, path, document))
        if response.status == 404 and missing_ok:
            return None
        body = self._decoded(response)
        if 200 <= response.status < 300:
            return body
        raise self._refused(response, body)

    def _request(self, method: str, path: str, document: object) -> Request:
        if document is None:
            return Request(method, self._base_url + path, self._headers)
        headers = {**self._headers, "content-type": "application/json"}
        return Request(method, self._base_url + path, headers, msgspec.json.encode(document))

    async def _answered(self, request: Request) -> Response:
        for tried in range(1, _TRIES + 1):
            try:
                response = await self._transport.send(request)
            except NetworkFailure as failure:
                if tried == _TRIES or failure.retry is Retry.NEVER:
                    failure.about(name=self._provider)
                    raise
                await self._clock.sleep(tried)
                continue
            pause = retry_after(response) or timedelta(seconds=tried)
            if response.status not in _BUSY or tried == _TRIES or pause > _LONGEST_PAUSE:
                break
            await self._clock.sleep(pause.total_seconds())
        return response

    def _decoded(self, response: Response) -> Any:
        if not response.body.strip():
            return None
        try:
            return msgspec.json.decode(response.body)
        except (msgspec.DecodeError, RecursionError) as error:
            if not 200 <= response.status < 300:
                return None
            fault = "its API answered with something that is not JSON"
            raise EvercertError("provider", fault, name=self._provider) from error

    def _refused(self, response: Response, body: Any) -> EvercertError:
        try:
            words = one_line(self._explain(body)) if body is not None else ""
        except (KeyError, TypeError, AttributeError, IndexError):
            words = ""
        denied = response.status in {401, 403}
        return EvercertError(
            "provider",
            f"its API answered {response.status}{': ' + words if words else ''}",
            name=self._provider,
            hint="are the credentials right, and may they change this zone?" if denied else "",
            retry=Retry.NEVER if denied else None,
            after=retry_after(response),
        )


def _checked(provider: str, base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
    except ValueError:  # brackets that do not match
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise EvercertError(
            "bad-input",
            "what is given is not the URL of an API",  # never shown: a password may stand in it
            hint="write https://host/path; a user and a password go into their own fields",
            name=provider,
        )
    return base_url.rstrip("/")
