"""Challenges, as an attempt needs them: which answer goes where, and who puts it there."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.acme.wire import Authorization, Challenge, Directory
from evercert.engine.accounts import Registered
from evercert.engine.targets import Targets
from evercert.model.fact import Issuance, Presented
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.plugins.contracts import ChallengeRoute, Solver
from evercert.solve.response import response_to
from evercert.solve.solvers import Solvers

__all__ = ["Challenges", "SolvingFor"]


@dataclass(frozen=True, slots=True)
class SolvingFor:
    """Keeps the contract of `issue.means.Solving` for one certificate and account."""

    solvers: Solvers
    registered: Registered
    directory: Directory
    route: ChallengeRoute | None

    def response_to(
        self, challenge: Challenge, authorization: Authorization, rule: ChallengeRule, issuance: Issuance
    ) -> Presented:
        return response_to(
            challenge,
            authorization,
            rule,
            issuance_id=issuance.id,
            jwk=self.registered.key.jwk,
            account_url=self.registered.account.url,
            meta=self.directory.meta,
        )

    def solver_for(self, item: Presented) -> Solver:
        return self.solvers.for_item(item.solver, item.options, item.challenge_type, self.route)


@dataclass(frozen=True, slots=True)
class Challenges:
    """Owned by the engine; its solvers live as long as it does."""

    solvers: Solvers
    targets: Targets

    def route(self, intent: CertificateIntent) -> ChallengeRoute | None:
        """The way to port 80 that a target offers. Two attempts for one certificate share it: it is closed when
        neither needs it."""
        return self.targets.route(intent)

    async def solving(self, registered: Registered, route: ChallengeRoute | None) -> SolvingFor:
        return SolvingFor(self.solvers, registered, await registered.client.directory(), route)
