"""One certificate's life, commit by commit, always the same; and how to die at any of its commits.

Run as a program it lives and dies once for each of so many commits: in `FOLDER/N-before.db` until just before the
N-th, in `FOLDER/N-after.db` until just after it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query, Row
from evercert.db.sqlite import SqliteDatabase
from evercert.model.access import CaAccess
from evercert.model.event import LimitLearned
from evercert.model.fact import (
    AccountStatus,
    DeployStatus,
    Failure,
    Hold,
    Issuance,
    IssuedCertificate,
    LeftOut,
    Renewal,
)
from evercert.model.hook import Hook
from evercert.model.incident import IncidentState, Measures, Selection, Stage
from evercert.model.terms import OnRemoval
from evercert.store import (
    accounts,
    budgets,
    cas,
    certificates,
    declared,
    deployments,
    directories,
    health,
    hooks,
    incident_stages,
    incidents,
    issuances,
    issued,
    lanes,
    leases,
    presented,
    renewals,
    tasks,
)
from evercert.store import keys as key_rows
from evercert.store.budgets import Bucket, Reserved
from evercert.store.incidents import Member
from evercert.store.retention import Retention, prune
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import DAY, HOUR, NOW

TABLES = (
    "keys",
    "accounts",
    "cas",
    "directories",
    "chains",
    "chain_certificates",
    "certificates",
    "issuances",
    "presented",
    "issued",
    "issued_bodies",
    "renewals",
    "deployments",
    "events",
    "event_anchor",
    "declaration",
    "hooks",
    "ca_health",
    "incidents",
    "incident_certificates",
    "budgets",
    "lanes",
)

# Of keys, all but what differs from run to run.
_COLUMNS = {"keys": "id, purpose, created_at"}


async def live(db: Database) -> None:
    """Every kind of write that the store knows, in an order in which they happen."""
    account = await given.account(db)
    await cas.configure(db, await cas.access(db, given.CA))
    await directories.remember(db, given.CA, {"newOrder": "https://ca.test/new"}, NOW)
    await given.declared(db)
    issuance = await given.ordered(db)
    items = await presented.add(db, [given.item(issuance, "a"), given.item(issuance, "b")])
    await presented.note(db, msgspec.structs.replace(items[0], reference="17"))
    await presented.remove(db, items)
    certificate = await issuances.issued(db, issuance, given.chain(1), given.view(1), now=NOW)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED), NOW, rolled_back=True)
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED), NOW)
    await renewals.put(db, certificate.id, Renewal(NOW, NOW + DAY, NOW + HOUR, NOW + HOUR), NOW)
    await renewals.put(db, certificate.id, Renewal(NOW, NOW + HOUR, NOW, NOW + HOUR), NOW)
    await renewals.ari_poll(db, "www", NOW + DAY)
    await certificates.schedule(db, "www", NOW + DAY)
    await given.claimed(db, NOW + DAY)
    await leases.extend(db, "somebody", NOW + 2 * DAY)
    await leases.free(db, "somebody", NOW)
    lease = await leases.claim(db, "www", "somebody", NOW, NOW + DAY)
    await leases.release(db, lease or leases.Lease("www", 0), NOW)
    await renewals.ari_poll(db, "www", NOW + HOUR)
    await certificates.schedule(db, "www", NOW + HOUR)
    [polling] = await leases.claim_polls(db, "somebody", NOW + HOUR, NOW + DAY, 10, by=NOW + 2 * HOUR)
    await db.write(renewals.polled(polling, NOW + 2 * DAY, NOW + 2 * DAY, 6, NOW + DAY))
    await tasks.stop(db, "www", "enough", NOW)
    await tasks.resume(db, "www", NOW)
    await certificates.declare(db, given.intent(profile="shortlived"), NOW)
    begun = await given.begun(db)
    await _pay(db, begun)
    await issuances.abandon(db, begun, "invalid", now=NOW)
    await issuances.withdrawn(db, begun)
    await health.silent(db, given.CA, None, "no answer", NOW)
    await health.silent(db, given.CA, (await health.outages(db))[given.CA], "no answer", NOW + HOUR)
    await health.ask_again(db, NOW)
    await health.take_turn(db, (await health.outages(db))[given.CA], NOW)
    await health.give_turn_back(db, (await health.outages(db))[given.CA])
    await health.answered(db, (await health.outages(db))[given.CA], NOW)
    await certificates.failed(db, "www", Failure("dns", "no answer", NOW), 1, NOW + HOUR)
    await certificates.wake(db, "www", NOW, forced=True)
    await issued.revoked(db, certificate.id, 4, NOW)
    rolling = await accounts.begin_rollover(db, account, account.key_id, now=NOW)
    await accounts.end_rollover(db, rolling, account.key_id, now=NOW)
    await accounts.set_contacts(db, account, ("mailto:a@example.test",), now=NOW)
    await db.write(accounts.spent(given.CA, "kid-1"))
    await _replaced(db, await given.issued(db, number=2))
    overtaken = await given.ordered(db)
    await issuances.abandon(db, overtaken, "another CA was first", now=NOW)
    await issuances.issued_late(db, overtaken, given.chain(3), given.view(3), now=NOW)
    await db.write(deployments.again("www", "nginx", NOW))
    await db.write(*deployments.renamed("www", "nginx", "front", NOW))
    await db.write(deployments.removed("www", "front"))
    await prune(db, NOW + 400 * DAY, Retention(events=5))
    key_id = await key_rows.add(db, given.SEALER, given.KEY, "certificate", NOW)
    await issuances.begin(db, "www", account.id, key_id, b"csr", now=NOW)
    await certificates.delete(db, "www", NOW)
    await declared.create(db, [(given.intent("a"), "1"), (given.intent("b"), "2")], NOW)
    await certificates.declare(db, given.intent("a"), NOW, digest="3")
    await certificates.leave_out(db, "a", [LeftOut("x", 1, NOW, Failure("dns", "no answer", NOW))], NOW)
    await declared.release(db, "a", OnRemoval.KEEP, "3", NOW)
    await declared.release(db, "b", OnRemoval.REVOKE, "2", NOW)
    await declared.note(db, declared.Applied("4", (), 2), NOW)
    await _tell(db)
    await accounts.end(db, account, AccountStatus.DEACTIVATED, now=NOW)


async def _pay(db: Database, begun: Issuance) -> None:
    """An order is held back, paid for, paid for once more, and comes to nothing."""
    key, other, now = (given.CA, "orders", "default"), (given.CA, "set", "digest"), to_epoch(NOW)
    await budgets.seed(db, [Bucket(key, now + 5)])
    await budgets.learn(db, [Bucket(other, now, now)], LimitLearned(ca=given.CA, limit="a limit"), NOW)
    await budgets.doubt(db, given.CA, NOW)
    await budgets.queue(db, key, now + 5, 1, now + 9, urgent=False)
    await budgets.queue(db, key, now + 5, 1, now + 9, urgent=True)
    await cas.configure(
        db,
        CaAccess(given.CA),
        budgets.reserved_anew(given.CA, "orders", now=now, steps=(2, 1), most=5),
        *budgets.overridden(given.CA, "orders", now=now, steps=(2, 1), most=5),
        certificates.called(given.CA, NOW),
    )
    await certificates.held(db, "www", Hold(NOW + HOUR, "a lane"), lane="a")
    await lanes.call_in(db, "a", 1, NOW)
    entered = lanes.entered("a", "www", 1, NOW)
    paid = budgets.draw(key, now=now, span=1, latest=now + 9)
    placing = await issuances.placing(db, begun, *entered, paid, reserved=[Reserved(key, 1)])
    await issuances.drop_replaces(db, placing, budgets.charge(other, now=now, span=1), reserved=[Reserved(other, 1)])
    await db.write(budgets.forgive(other, now=now))
    await db.write(lanes.emptied("a", "www"), lanes.lifted(given.CA, NOW))


async def _tell(db: Database) -> None:
    """A hook takes an event and does not take the next one."""
    hook = Hook("page", ("*",), program=("/bin/page",))
    await hooks.configure(db, hook)
    await declared.create(db, [(given.intent("c"), "1")], NOW)
    claimed = await hooks.claim(db, "page", "somebody", NOW, NOW + HOUR)
    claimed = await hooks.move(db, claimed or hooks.Claim(hook, "", 0, 0), 1, NOW + HOUR)
    await hooks.failed(db, claimed or hooks.Claim(hook, "", 0, 0), 1, Failure("hook", "no", NOW), NOW + HOUR)
    await hooks.release(db, "page", "somebody")
    await hooks.pass_over(db, "page", NOW)
    await hooks.retry(db, "page")
    await hooks.forget(db, "page")


async def _replaced(db: Database, certificate: IssuedCertificate) -> None:
    """An incident about it, with all that may come between, given up in the end."""
    number = await incidents.begin(db, "a leak", Selection(name="www"), Measures(revoke=1), NOW)
    await incidents.take(db, number, [Member(certificate.id, 1)], NOW)
    await incidents.open_(db, number, "a leak", 1, NOW)
    await incidents.stall(db, number, "5 of 5 fail", NOW)
    await incidents.resume(db, number, 5)
    await incident_stages.release(db, number, 1, 1, first=False, now=NOW)
    await incidents.pause(db, number, NOW)
    await incidents.resume(db, number, 5)
    await incident_stages.release(db, number, 1, 1, first=False, now=NOW)
    await given.issued(db, number=4)
    await incident_stages.follow(db, number, NOW)
    await incident_stages.move_all(db, number, [certificate.id], Stage.REPLACED, Stage.REVOKING, NOW)
    await incident_stages.revoked(db, number, certificate.id, first=True, now=NOW)
    await incident_stages.move(db, number, certificate.id, Stage.REPLACED, Stage.REVOKING, NOW)
    await incidents.close(db, number, IncidentState.CANCELLED, "cancelled", NOW)


async def everything(db: Database) -> dict[str, list[Row]]:
    """What is in every table."""
    statements = [Query(table, f"SELECT {_COLUMNS.get(table, '*')} FROM {table}")() for table in TABLES]
    return dict(zip(TABLES, await db.read(*statements), strict=True))


def die_everywhere(folder: Path, commits: int) -> None:
    """Print, for each way to die, the number of the signal that ended the process."""
    for number in range(1, commits + 1):
        for when in ("before", "after"):
            # Nothing runs here that a fork could disturb: no thread, no loop, no open database.
            if (pid := os.fork()) == 0:
                asyncio.run(_die(folder / f"{number}-{when}.db", number, when))
                os._exit(1)
            print(number, when, os.WTERMSIG(os.waitpid(pid, 0)[1]), flush=True)


async def _die(path: Path, number: int, when: str) -> None:
    commits = iter(range(1, number + 1))

    @contextmanager
    def around(names: Sequence[str]) -> Iterator[None]:
        last = next(commits) == number
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        yield
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    await live(await SqliteDatabase.open(path, MIGRATIONS, around_commit=around))


class Failing:
    """Raises around the commit of a certain number, once; notes what was committed."""

    def __init__(self, number: int = 0, *, kept: bool = False) -> None:
        self.commits: list[list[str]] = []
        self._number = number
        self._kept = kept

    @contextmanager
    def __call__(self, names: Sequence[str]) -> Iterator[None]:
        self.commits.append(list(names))
        here = len(self.commits) == self._number
        if here and not self._kept:
            raise EvercertError("store", "failed and not kept")
        yield
        if here:
            raise EvercertError("store", "failed but kept")


if __name__ == "__main__":
    die_everywhere(Path(sys.argv[1]), int(sys.argv[2]))
