"""What somebody who waits for a certificate has asked again at once, rather than in a minute."""

from __future__ import annotations

from collections.abc import Mapping

from evercert.engine.asking.choosing import TWICE, cas_of
from evercert.model.fact import CertificateFact, Outage, Verdict

__all__ = ["waits_for_an_answer"]


def waits_for_an_answer(fact: CertificateFact, outages: Mapping[str, Outage]) -> bool:
    """Whether a new certificate waits for nothing but a CA that did not answer, and another look at it would have the
    next one asked: there is one that was not found silent twice."""
    if fact.current is not None or any(trial.verdict is not Verdict.OUTAGE for trial in fact.trials):
        return False
    cas = {ca.directory for ca in cas_of(fact.intent)}  # one that does not answer does so to every account
    silent: dict[str, int] = {}
    for trial in fact.trials:
        silent[trial.ca] = max(trial.failures, silent.get(trial.ca, 0))
    down = {ca for ca, outage in outages.items() if outage.is_down}
    left = [ca for ca in cas if silent.get(ca, 0) < TWICE and ca not in down]
    return len(cas) > 1 and bool(left) and any(ca in silent or ca in outages for ca in cas)
