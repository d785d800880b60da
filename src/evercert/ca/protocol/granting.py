"""Names that an external account authorizes by itself: no challenge, but a record in the audit for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier
from evercert.ca.nouns import Authorization
from evercert.ca.profiles.policy import NamePolicy, policy_from_json
from evercert.ca.profiles.profile import Profile
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.verify import Signed
from evercert.ca.store import audit, eab
from evercert.db.protocol import Statement

__all__ = ["Granting", "granting_of"]


@dataclass(frozen=True, slots=True)
class Granting:
    """What the account's external key says about names. Without one, nothing is granted and nothing is refused."""

    kid: str = ""
    authorizes: bool = False
    names: NamePolicy | None = None

    @property
    def evidence(self) -> str:
        return f"eab {self.kid}"

    def check(self, identifiers: Sequence[Identifier]) -> None:
        """Raises `rejectedIdentifier` where the account may not have one of them at all."""
        for each in identifiers:
            if self.names is not None and not self.names.allows(each):
                words = "the account's external account does not allow it"
                raise Problem(ProblemType.REJECTED_IDENTIFIER, words, name=str(each))

    def allows(self, subject: Identifier) -> bool:
        """Whether the account may have it without a challenge. What a device is, it says itself."""
        is_name = subject.type in {"dns", "ip"}
        return self.authorizes and self.names is not None and is_name and self.names.allows(subject)

    def records(self, new: Sequence[Authorization], now: datetime) -> tuple[Statement, ...]:
        granted = (each for each in new if each.evidence and each.evidence == self.evidence)
        return tuple(
            audit.appended(
                "granted", {"account": each.account_id, "identifier": str(each.identifier), "eab": self.kid}, now
            )
            for each in granted
        )


async def granting_of(desk: Desk, signed: Signed, profile: Profile) -> Granting:
    """What the account's external key grants. Raises `unauthorized` where that has ended, or forbids the profile."""
    kid = signed.account.eab_kid
    if not kid and profile.eab_required:
        raise Problem(
            ProblemType.EXTERNAL_ACCOUNT_REQUIRED, "the profile is for accounts that are bound to an external one"
        )
    key = await eab.find(desk.db, kid) if kid else None
    if key is None:
        return Granting()
    if key.revoked_at is not None:
        raise Problem(ProblemType.UNAUTHORIZED, "the external account that this account is bound to was revoked")
    if key.profiles and profile.name not in key.profiles:
        raise Problem(ProblemType.INVALID_PROFILE, f"the external account may order: {', '.join(key.profiles)}")
    is_good = key.is_good(desk.clock.now())
    authorizes = key.authorizes and is_good and profile.eab_authorizes
    return Granting(kid, authorizes, policy_from_json(key.names) if key.names else None)
