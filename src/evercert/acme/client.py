"""`Client` and `AsyncClient`: one account at one CA, every flow a method.

Rule of this file: it has no protocol in it. A method's contract is its flow's docstring; the first
parameter, the session, is the client's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from evercert.acme import exchange
from evercert.acme.drive import OnWait, drive, drive_blocking
from evercert.acme.flows import account as _account
from evercert.acme.flows import authorization as _authorization
from evercert.acme.flows import certificate as _certificate
from evercert.acme.flows import order as _order
from evercert.acme.jose import Signer
from evercert.acme.session import Session
from evercert.acme.step import Flow
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import BlockingTransport, Transport

__all__ = ["AsyncClient", "Client"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


# As many as a transport has connections to one host by default: what is sent beyond that only waits
# there, and lets its nonce grow old. Let's Encrypt makes 20 fresh nonces a second.
_TURNS = 32


def _untold(seconds: float, reason: str) -> None:
    """Nobody wants to know of waits."""


def _say_where(error: EvercertError, session: Session) -> None:
    """At which CA it was; what failed in this machine (a socket that cannot be opened) was at none."""
    if error.code.name != "internal":
        error.about(ca=session.directory_url)


def _asynchronous(
    flow: Callable[Concatenate[Session, _P], Flow[_T]],
) -> Callable[Concatenate[AsyncClient, _P], Coroutine[Any, Any, _T]]:
    @wraps(flow)
    async def method(self: AsyncClient, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            await self.opened()
            return await self.drive(flow(self.session, *args, **kwargs))
        except EvercertError as error:
            _say_where(error, self.session)
            raise

    return method


def _blocking(flow: Callable[Concatenate[Session, _P], Flow[_T]]) -> Callable[Concatenate[Client, _P], _T]:
    @wraps(flow)
    def method(self: Client, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return drive_blocking(flow(self.session, *args, **kwargs), self.transport, self.clock, self.on_wait)
        except EvercertError as error:
            _say_where(error, self.session)
            raise

    return method


class AsyncClient:
    """Safe for any number of tasks on one loop; they share nonces and the directory.

    The transport is the caller's, to share between clients and to close. *on_wait* is told of each
    wait before it begins: its seconds and its reason.
    """

    def __init__(
        self,
        directory_url: str,
        key: Signer,
        transport: Transport,
        clock: Clock,
        *,
        account_url: str = "",
        allow_http: bool = False,
        on_wait: OnWait | None = None,
    ) -> None:
        self.session = Session(directory_url, key, account_url=account_url, allow_http=allow_http)
        self.transport = transport
        self.clock = clock
        self.on_wait = on_wait or _untold
        self._opening = asyncio.Lock()
        self._turns = asyncio.Semaphore(_TURNS)
        self._turned_away = 0

    @property
    def account_url(self) -> str:
        return self.session.account_url

    async def drive(self, flow: Flow[_T]) -> _T:
        """The result of *flow*, a conversation of this client's session."""
        return await drive(flow, self.transport, self.clock, self.on_wait, self._turns)

    async def opened(self) -> None:
        """Afterwards the directory is at hand: a thousand tasks that begin at once fetch it once,
        and if that fails they fail together rather than each after its own time-out."""
        failures = self._turned_away
        if self.session.directory:
            return
        async with self._opening:
            if self.session.directory:
                return
            if self._turned_away != failures:
                raise NetworkFailure("unreachable", "the CA could not be reached a moment ago")
            try:
                await self.drive(exchange.directory(self.session))
            except EvercertError:
                self._turned_away += 1
                raise

    directory = _asynchronous(exchange.directory)

    new_account = _asynchronous(_account.new_account)
    account = _asynchronous(_account.account)
    standing = _asynchronous(_account.standing)
    update_account = _asynchronous(_account.update_account)
    deactivate_account = _asynchronous(_account.deactivate_account)
    roll_over = _asynchronous(_account.roll_over)

    new_order = _asynchronous(_order.new_order)
    order = _asynchronous(_order.order)
    orders = _asynchronous(_order.orders)
    await_order = _asynchronous(_order.await_order)
    finalize = _asynchronous(_order.finalize)

    authorization = _asynchronous(_authorization.authorization)
    authorizations = _asynchronous(_authorization.authorizations)
    new_authorization = _asynchronous(_authorization.new_authorization)
    deactivate_authorization = _asynchronous(_authorization.deactivate_authorization)
    answer = _asynchronous(_authorization.answer)
    await_authorization = _asynchronous(_authorization.await_authorization)

    chains = _asynchronous(_certificate.chains)
    revoke = _asynchronous(_certificate.revoke)
    renewal_info = _asynchronous(_certificate.renewal_info)


class Client:
    """`AsyncClient` for code without an event loop; for one thread at a time."""

    def __init__(
        self,
        directory_url: str,
        key: Signer,
        transport: BlockingTransport,
        clock: Clock,
        *,
        account_url: str = "",
        allow_http: bool = False,
        on_wait: OnWait | None = None,
    ) -> None:
        self.session = Session(directory_url, key, account_url=account_url, allow_http=allow_http)
        self.transport = transport
        self.clock = clock
        self.on_wait = on_wait or _untold

    @property
    def account_url(self) -> str:
        return self.session.account_url

    directory = _blocking(exchange.directory)

    new_account = _blocking(_account.new_account)
    account = _blocking(_account.account)
    standing = _blocking(_account.standing)
    update_account = _blocking(_account.update_account)
    deactivate_account = _blocking(_account.deactivate_account)
    roll_over = _blocking(_account.roll_over)

    new_order = _blocking(_order.new_order)
    order = _blocking(_order.order)
    orders = _blocking(_order.orders)
    await_order = _blocking(_order.await_order)
    finalize = _blocking(_order.finalize)

    authorization = _blocking(_authorization.authorization)
    authorizations = _blocking(_authorization.authorizations)
    new_authorization = _blocking(_authorization.new_authorization)
    deactivate_authorization = _blocking(_authorization.deactivate_authorization)
    answer = _blocking(_authorization.answer)
    await_authorization = _blocking(_authorization.await_authorization)

    chains = _blocking(_certificate.chains)
    revoke = _blocking(_certificate.revoke)
    renewal_info = _blocking(_certificate.renewal_info)
