"""What became of certificates that a command worked on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from evercert.base.errors import CODES, Exit
from evercert.cli.display import certificate_document, put_off_words, when
from evercert.cli.output import Output
from evercert.deploy.generations import folder_name
from evercert.engine.installing import put_off
from evercert.engine.merging import lacking
from evercert.engine.plan import plan, renewal_moment
from evercert.engine.wiring import Engine
from evercert.model.fact import CertificateFact, Failure
from evercert.model.state import State, state_of
from evercert.model.task import Wait
from evercert.store import certificates

__all__ = ["planned", "renewal", "report_outcome"]

# Of more certificates than these only counts are printed, and of their failures so many.
_FEW = 10
_FAILURES = 20


async def report_outcome(
    output: Output, engine: Engine, names: Sequence[str], before: Mapping[str, object] | None = None
) -> int:
    """Print where each certificate stands now; the exit status of the first failure among them. Where the command
    has said something *before*, the JSON document is that with the `certificates` beside it."""
    now = engine.clock.now()
    facts = [fact for name in names if (fact := await certificates.fact(engine.db, name))]
    failed = [(fact, failure) for fact in facts if (failure := _failure(fact, now))]
    for fact, failure in failed[:_FAILURES]:
        output.failure(_told(fact, failure), failure.hint)
    if len(failed) > _FAILURES:
        output.warn(f"{len(failed) - _FAILURES} more failed; see `evercert list --failing`")
    documents = [certificate_document(fact, now) for fact in facts]
    lines = [_line(fact, now) for fact in facts] if len(facts) <= _FEW else [*_counts(facts, now)]
    if before is not None:
        output.result({**before, "certificates": documents}, *lines)
    else:
        output.result(documents[0] if len(documents) == 1 else documents, *lines)
    return CODES[failed[0][1].code].exit.value if failed else Exit.OK.value


def planned(fact: CertificateFact, now: datetime) -> str:
    """What happens next with a certificate, when, and why."""
    step = plan(fact, now)
    if isinstance(step, Wait):
        # A stop has no end of its own, and is looked at again now and then.
        moment = "nothing" if fact.stopped and fact.stopped.reason in step.reason else when(step.until)
        return f"{moment}: {step.reason}"
    return f"now: {step.step.value}, because {step.reason}"


def renewal(fact: CertificateFact) -> str:
    """When the current certificate is renewed, and why then."""
    if fact.current is None:
        return "-"
    moment, why = renewal_moment(fact, fact.current)
    return f"{when(moment)}: {why}"


def _line(fact: CertificateFact, now: datetime) -> str:
    state = state_of(fact, now)
    words = f"{fact.intent.name}: {state.value}"
    if state in {State.INSTALLED, State.SERVED}:
        words += _places(fact)
    if fact.current:
        words += f", valid until {when(fact.current.not_after)}"
    words = "; ".join([words, *put_off_words(put_off(fact, now))])
    if _failure(fact, now) or fact.current is None:
        return f"{words}; next {planned(fact, now)}"
    return f"{words}; renewal {renewal(fact)}"


def _places(fact: CertificateFact) -> str:
    """Where the certificate's files are, for those targets that are files and nothing else; a target that has it for
    another certificate, under that one's name."""
    intent, called = fact.intent, fact.intent.terms.installed_as
    places = [
        str(Path(spec.options["dir"]) / "live" / folder_name(called.get(spec.key, intent.name)))
        for spec in intent.targets
        if spec.plugin == "files"
    ]
    return f" in {', '.join(places)}" if places else ""


def _counts(facts: Sequence[CertificateFact], now: datetime) -> Iterator[str]:
    """How many stand where, the most first, and the first renewal among them."""
    counts = Counter(state_of(fact, now).value for fact in facts)
    yield f"{len(facts)} certificates: " + ", ".join(f"{count} {state}" for state, count in counts.most_common())
    moments = [renewal_moment(fact, fact.current)[0] for fact in facts if fact.current]
    if moments:
        yield f"the first renewal is due {when(min(moments))}"


def _failure(fact: CertificateFact, now: datetime) -> Failure | None:
    """What stands between the intent and what is true, if anything does: a failure, or a limit that leaves no room."""
    if fact.stopped:
        hint = f"evercert tasks resume {fact.intent.name}"
        return Failure("stopped", f"it is stopped: {fact.stopped.reason}", fact.stopped.at, hint)
    if fact.hold and now < fact.hold.until:
        hint = "it goes on by itself while `evercert run` stays; `evercert explain NAME` shows what is left"
        return Failure("held", f"{fact.hold.limit}; it is asked again at {when(fact.hold.until)}", now, hint)
    if fact.failure and fact.failures:
        return fact.failure
    if left_out := next(lacking(fact, now), None):
        failure = left_out.failure
        return msgspec.structs.replace(failure, message=f"{left_out.member} is left out: {failure.message}")
    return next((each.failure for each in fact.deployments if each.failure), None)


def _told(fact: CertificateFact, failure: Failure) -> str:
    name = fact.intent.name
    return failure.message if failure.message.startswith(f"{name}: ") else f"{name}: {failure.message}"
