"""What became of certificates that a command worked on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from evercert.base.errors import CODES, Exit
from evercert.cli.display import certificate_document, when
from evercert.cli.output import Output
from evercert.engine.plan import plan
from evercert.engine.wiring import Engine
from evercert.model.fact import CertificateFact, Failure
from evercert.model.state import state_of
from evercert.model.task import Wait
from evercert.store import certificates

__all__ = ["planned", "report_outcome"]


async def report_outcome(output: Output, engine: Engine, names: Sequence[str]) -> int:
    """Print where each certificate stands now; the exit status of the first failure among them."""
    now = engine.clock.now()
    facts = [fact for name in names if (fact := await certificates.fact(engine.db, name))]
    documents = [certificate_document(fact, now) for fact in facts]
    output.result(documents[0] if len(documents) == 1 else documents, *(_line(fact, now) for fact in facts))
    failures = [failure for fact in facts if (failure := _failure(fact))]
    for failure in failures:
        if failure.hint:
            output.note(failure.hint)
    return CODES[failures[0].code].exit.value if failures else Exit.OK.value


def planned(fact: CertificateFact, now: datetime) -> str:
    """What happens next with a certificate, when, and why."""
    step = plan(fact, now)
    if isinstance(step, Wait):
        return f"{when(step.until)}: {step.reason}"
    return f"now: {step.step.value}, because {step.reason}"


def _line(fact: CertificateFact, now: datetime) -> str:
    words = f"{fact.intent.name}: {state_of(fact, now).value}"
    if fact.current:
        words += f", valid until {when(fact.current.not_after)}"
    failure = _failure(fact)
    return f"{words}; {failure.message}; {planned(fact, now)}" if failure else f"{words}; next {planned(fact, now)}"


def _failure(fact: CertificateFact) -> Failure | None:
    """The failure that stands between the intent and what is true, if there is one."""
    if fact.failure and fact.failures:
        return fact.failure
    return next((each.failure for each in fact.deployments if each.failure), None)
