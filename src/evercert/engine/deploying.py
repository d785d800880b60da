"""The hand that deploys: one target, one certificate, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from evercert.base.backoff import retry_delay
from evercert.base.clock import Clock
from evercert.base.errors import as_failure
from evercert.db.protocol import Database
from evercert.deploy.apply import Outcome, Prove, apply
from evercert.engine.merging import identifiers_of
from evercert.engine.report import Telling
from evercert.engine.targets import Targets
from evercert.model.fact import CertificateFact, Deployment, DeployStatus, Failure, IssuedCertificate
from evercert.model.task import Task
from evercert.pki.cert import certificate_pem
from evercert.pki.seal import Sealer
from evercert.plugins.contracts import Bundle
from evercert.store import deployments, issued, keys

__all__ = ["Deploying", "bundle_of"]


@dataclass(frozen=True, slots=True)
class Deploying:
    """Does `Step.DEPLOY`."""

    sealer: Sealer
    targets: Targets
    prove: Prove
    clock: Clock
    rng: Random
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards the target serves the current certificate, or the failure and its next attempt are kept."""
        current = fact.current
        if current is None:
            return False
        self.telling(f"installing in {task.target}: {task.reason}")
        outcome = await self._outcome(db, fact, current, task.target)
        await self._keep(db, fact, current, task.target, outcome)
        return True

    async def _outcome(self, db: Database, fact: CertificateFact, current: IssuedCertificate, target: str) -> Outcome:
        try:
            bundle = await bundle_of(db, self.sealer, fact, current, target)
            return await apply(self.targets.target(fact.intent, target), bundle, self.prove, self.telling)
        except Exception as error:  # whatever it is, it keeps nothing from being renewed
            return Outcome(DeployStatus.FAILED, "", as_failure(error))

    async def _keep(
        self, db: Database, fact: CertificateFact, current: IssuedCertificate, target: str, outcome: Outcome
    ) -> None:
        now = self.clock.now()
        before = next((each for each in fact.deployments if each.target == target), None)
        error = outcome.failure
        failures = 0 if error is None else (before.failures if before else 0) + 1
        deployment = Deployment(
            certificate=fact.intent.name,
            target=target,
            issued_id=current.id,
            status=outcome.status,
            changed_at=now,
            failures=failures,
            retry_at=now + await self._pause(db, current, failures, now) if error else None,
            failure=Failure(error.code.name, str(error), now, error.hint) if error else None,
            detail=outcome.detail,
        )
        await deployments.put(db, deployment, now, rolled_back=outcome.rolled_back)
        self.telling(
            f"{target}: {outcome.status.value}" + (f": {error or outcome.detail}" if error or outcome.detail else "")
        )

    async def _pause(self, db: Database, current: IssuedCertificate, failures: int, now: datetime) -> timedelta:
        """As long as the one that is in use there leaves time for: the one before, at best."""
        known = [each for each in await issued.history(db, current.certificate) if each.id <= current.id][:2]
        in_use = min(known, key=lambda each: each.revoked_at or each.not_after, default=current)
        left = (in_use.revoked_at or in_use.not_after) - now
        return retry_delay(failures, left=left, life=in_use.lifetime, rng=self.rng)


async def bundle_of(
    db: Database, sealer: Sealer, fact: CertificateFact, current: IssuedCertificate, target: str = ""
) -> Bundle:
    """The issued certificate with its chain and, where it is ours, its key, under the name that *target* knows."""
    leaf, chain = await issued.body(db, current.id)
    key = await keys.load(db, sealer, current.key_id) if current.key_id is not None else None
    return Bundle(
        name=fact.intent.terms.installed_as.get(target, fact.intent.name),
        identifiers=identifiers_of(fact.intent, target),
        issued_id=current.id,
        leaf_der=leaf,
        leaf_pem=certificate_pem(leaf),
        chain_pem="".join(map(certificate_pem, chain)),
        private_key=key.to_pem() if key else None,
        is_shared=bool(fact.intent.terms.members),
    )
