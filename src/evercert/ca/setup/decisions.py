"""What the operator has decided, as the parts of a node are given it: made of `settings`, or by hand in tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evercert.ca.limits import Limits
from evercert.ca.pace import Pace
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.retention import Retention
from evercert.ca.rules import Rules
from evercert.ca.status.rules import StatusRules
from evercert.ca.validation.caa import CaaMode
from evercert.ca.validation.perspectives import Perspectives, nobody_else
from evercert.pki.attestation.chain import TrustAnchors
from evercert.pki.blocklist import Blocklist

__all__ = ["Decisions"]


@dataclass(frozen=True, slots=True)
class Decisions:
    """`base_url` is where clients reach the CA, `plain_url` what certificates point to ("" for nothing), `at_once`
    how many validations run at once, of all accounts and of one. Of `sample_every` certificates one is linted again."""

    base_url: str
    plain_url: str = ""
    rules: Rules = field(default_factory=Rules)
    caa: CaaMode = CaaMode.LENIENT
    limits: Limits = field(default_factory=Limits)
    profiles: Mapping[str, Profile] = field(default_factory=lambda: BUILT_IN)
    anchors: TrustAnchors = field(default_factory=lambda: TrustAnchors({}))
    known_keys: Blocklist | None = None
    sample_every: int = 1000
    perspectives: Perspectives = field(default_factory=nobody_else)
    retention: Retention = field(default_factory=Retention)
    status: StatusRules = field(default_factory=StatusRules)
    at_once: tuple[int, int] = (200, 50)
    pace: Pace = field(default_factory=Pace)
