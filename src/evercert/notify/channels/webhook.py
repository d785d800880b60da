"""An endpoint elsewhere: the event in a signed POST, over TLS, no redirect followed, the answer bounded."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from evercert.acme.foreign import retry_after
from evercert.base.clock import Clock, to_epoch
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response, Transport
from evercert.base.secret import Secret
from evercert.model.hook import Hook
from evercert.notify.delivery import Delivery
from evercert.notify.rules import is_refusal
from evercert.notify.signing import key_of, signature

__all__ = ["post"]

# Nothing is done with what it says; one that says more is cut off, and tried again as one that did not take it.
_MAX_ANSWER = 1 << 20
_TRUST = "have this machine trust its root (update-ca-certificates, update-ca-trust), or mend its chain"


async def post(hook: Hook, delivery: Delivery, transport: Transport, secret: Secret, clock: Clock) -> None:
    """Returns once the endpoint has answered with 2xx. Raises `hook` for every other answer and for none (`after` is
    how long it asks to wait), and `insecure-url` for an endpoint without TLS that was not allowed."""
    if not (hook.url.startswith("https://") or hook.allow_http):
        raise EvercertError("insecure-url", "the endpoint is not at an https URL", hint="or say allow_http = true")
    timestamp = to_epoch(clock.now()) // 1_000_000
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key_of(secret), delivery.id, timestamp, delivery.body),
        "evercert-attempt": str(delivery.attempt),
    }
    _demand_success(
        hook, await _answer(hook, Request("POST", hook.url, headers, delivery.body, _MAX_ANSWER), transport)
    )


async def _answer(hook: Hook, request: Request, transport: Transport) -> Response:
    try:
        async with asyncio.timeout(hook.timeout):
            return await transport.send(request)
    except TimeoutError:
        raise EvercertError("hook", f"{_host(hook)} did not answer within {hook.timeout:g} seconds") from None
    except NetworkFailure as failure:
        hint = _TRUST if failure.code.name == "tls" and failure.hint else failure.hint
        raise EvercertError("hook", failure.message, hint=hint) from failure


def _demand_success(hook: Hook, response: Response) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    said = f"{_host(hook)} answered with status {status}"
    if 300 <= status < 400:
        raise EvercertError("hook", f"{said}: no redirect is followed", hint="write the URL that it leads to")
    if is_refusal(status):
        hint = "it will not take the event until something is changed there or in the declaration: see its log"
        raise EvercertError("hook", f"{said}: it refuses the event", hint=hint)
    raise EvercertError("hook", said, after=retry_after(response))


def _host(hook: Hook) -> str:
    """For messages: a path may hold what nobody else should know."""
    return urlsplit(hook.url).netloc.rpartition("@")[2]
