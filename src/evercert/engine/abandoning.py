"""The hand that gives up what was begun for a certificate which was stopped."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.acme.client import AsyncClient
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts
from evercert.engine.report import Telling
from evercert.model.fact import CertificateFact, Issuance
from evercert.model.task import Task
from evercert.store import accounts, issuances

__all__ = ["Abandoning"]


@dataclass(frozen=True, slots=True)
class Abandoning:
    """Does `Step.ABANDON`."""

    accounts: Accounts
    clock: Clock
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards no issuance of the certificate is open. The CA is told as far as it answers; what it is not told
        ends there by itself. Challenge answers stay, for the clean-up that the planner asks for next."""
        for issuance in filter(None, (fact.open_issuance, fact.rival)):
            self.telling(f"giving up {issuance.order_url or 'what was begun'}: {task.reason}")
            try:
                await self._tell_ca(db, issuance)
            except EvercertError as error:
                self.telling(f"the CA could not be told: {error}")
            await issuances.abandon(db, issuance, task.reason, now=self.clock.now())
        return True

    async def _tell_ca(self, db: Database, issuance: Issuance) -> None:
        account = await accounts.get(db, issuance.account_id)
        if not issuance.order_url or account is None:
            return
        client = (await self.accounts.registered(account.ca, account.name)).client
        order = await client.order(issuance.order_url)
        for url in order.authorizations:
            await _deactivate(client, url)


async def _deactivate(client: AsyncClient, url: str) -> None:
    """Afterwards nobody can prove anything with the authorization. A valid one is left alone: orders of other
    certificates of the account may stand on it, and it costs nothing until it expires."""
    if (await client.authorization(url)).status == "pending":
        await client.deactivate_authorization(url)
