"""When servers may be touched: in windows, outside of freezes, and before what they have is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.engine.installing import in_service, installations, put_off
from evercert.engine.plan import plan
from evercert.model.fact import CertificateFact, Deployment, DeployStatus, InUse, Stop
from evercert.model.intent import RenewPolicy, TargetSpec
from evercert.model.task import Step, Task, Wait
from evercert.model.terms import Freeze, Terms, Window
from tests.engine.renewal.test_calendar import freezes, windows
from tests.engine.test_plan import DAY, INTENT, NOW, facts, held

HOUR = timedelta(hours=1)
FREEZE = Freeze(NOW - DAY, NOW + 14 * DAY, "end of year")
FROZEN = msgspec.structs.replace(INTENT, targets=(TargetSpec("nginx"),), terms=Terms(freezes=(FREEZE,)))
PUT_OFF = "installing it in nginx, put off for a freeze (end of year)"
POLL = NOW + 1000 * DAY


def fresh(**changes: object) -> CertificateFact:
    """Issued an hour ago, in the freeze."""
    return held(HOUR, 90 * DAY, intent=FROZEN, ari_poll_at=POLL, **changes)


def deployed(status: DeployStatus, there: InUse | None = None, number: int = 1, **more: object) -> Deployment:
    return msgspec.structs.replace(Deployment(INTENT.name, "nginx", number, status, NOW, in_use=there), **more)


def of(age: timedelta, **changes: object) -> InUse:
    """One of ninety days."""
    return msgspec.structs.replace(InUse(NOW - age, NOW - age + 90 * DAY), **changes)


def until(step: Task | Wait) -> datetime:
    assert isinstance(step, Wait)
    assert step.reason.startswith(PUT_OFF)
    return step.until


def test_a_first_certificate_is_installed_when_the_freeze_is_over() -> None:
    assert plan(fresh(), NOW) == Wait(INTENT.name, FREEZE.until, PUT_OFF)
    assert plan(fresh(), FREEZE.until) == Task(INTENT.name, Step.DEPLOY, "it is not there yet", "nginx")


def test_where_nothing_is_served_a_freeze_may_last_for_longer_than_a_life() -> None:
    ever = msgspec.structs.replace(FROZEN, terms=Terms(freezes=(Freeze(NOW, NOW + 500 * DAY),)))
    [only] = put_off(msgspec.structs.replace(fresh(), intent=ever), NOW + 89 * DAY)
    assert only.moment == NOW + 500 * DAY


def test_what_was_issued_before_the_freeze_waits_as_long_as_what_is_served_is_good() -> None:
    there = deployed(DeployStatus.SERVED, of(61 * DAY), number=0)
    assert until(plan(fresh(deployments=(there,)), NOW)) == FREEZE.until
    old = deployed(DeployStatus.SERVED, of(75 * DAY), number=0)
    step = plan(fresh(deployments=(old,)), NOW)
    assert step == Wait(INTENT.name, NOW + 6 * DAY, f"{PUT_OFF} would be too late")
    assert isinstance(plan(fresh(deployments=(old,)), NOW + 6 * DAY), Task)
    last = deployed(DeployStatus.SERVED, of(81 * DAY), number=0)
    assert plan(fresh(deployments=(last,)), NOW) == Task(
        INTENT.name, Step.DEPLOY, "a newer certificate is to be installed", "nginx"
    )


def test_what_failed_is_tried_again_when_the_freeze_is_over() -> None:
    failed = deployed(DeployStatus.FAILED, of(61 * DAY), failures=1, retry_at=NOW + HOUR)
    assert until(plan(fresh(deployments=(failed,)), NOW)) == FREEZE.until
    assert until(plan(fresh(deployments=(failed,)), NOW + 2 * HOUR)) == FREEZE.until
    late = deployed(DeployStatus.FAILED, of(75 * DAY), failures=1, retry_at=NOW + 7 * DAY)
    assert plan(fresh(deployments=(late,)), NOW) == Wait(INTENT.name, NOW + 7 * DAY, "installing it failed")


@pytest.mark.parametrize(
    "there",
    [of(DAY, revoked_at=NOW - HOUR), of(DAY, in_incident=True), of(DAY, window_end=NOW), of(95 * DAY)],
    ids=["revoked", "in an incident", "after the window of its CA", "over"],
)
def test_nothing_holds_the_successor_of_what_is_of_no_more_use(there: InUse) -> None:
    for deployments in ((deployed(DeployStatus.SERVED, there, number=0),), ()):
        assert isinstance(plan(fresh(deployments=deployments, before=there), NOW), Task)


def test_the_window_of_the_ca_counts_where_it_is_asked() -> None:
    there = of(61 * DAY, window_end=NOW + 3 * DAY)
    asking = fresh(deployments=(deployed(DeployStatus.SERVED, there, number=0),))
    assert until(plan(asking, NOW)) == NOW + 3 * DAY
    deaf = msgspec.structs.replace(FROZEN, renew=RenewPolicy(use_ari=False))
    assert until(plan(msgspec.structs.replace(asking, intent=deaf), NOW)) == FREEZE.until


def test_what_others_have_installed_before_does_not_lapse_either() -> None:
    assert until(plan(fresh(before=of(75 * DAY)), NOW)) == NOW + 6 * DAY


def test_a_person_does_it_whatever_the_hour() -> None:
    assert plan(fresh(), NOW, by_hand=True) == plan(fresh(), FREEZE.until)
    failed = deployed(DeployStatus.FAILED, of(61 * DAY), failures=1, retry_at=NOW + HOUR)
    # Whoever asked is gone by then.
    assert until(plan(fresh(deployments=(failed,)), NOW, by_hand=True)) == FREEZE.until


def test_a_stopped_certificate_is_installed_when_that_may_be() -> None:
    stopped = fresh(stopped=Stop("by hand", NOW))
    assert plan(stopped, NOW) == Wait(INTENT.name, FREEZE.until, "it is stopped: by hand")
    assert isinstance(plan(stopped, FREEZE.until), Task)


def test_a_renewal_is_not_held_by_what_cannot_be_installed_yet() -> None:
    ever = msgspec.structs.replace(FROZEN, terms=Terms(freezes=(Freeze(NOW - DAY, NOW + 500 * DAY),)))
    step = plan(held(81 * DAY, 90 * DAY, intent=ever), NOW)
    assert isinstance(step, Task)
    assert step.step is Step.ISSUE


def test_what_waits_is_told_target_by_target() -> None:
    both = msgspec.structs.replace(FROZEN, targets=(TargetSpec("nginx"), TargetSpec("haproxy")))
    done = deployed(DeployStatus.SERVED, of(HOUR))
    fact = msgspec.structs.replace(fresh(deployments=(done,)), intent=both)
    assert [(each.target, each.moment, each.put_off) for each in put_off(fact, NOW)] == [
        ("haproxy", FREEZE.until, "a freeze (end of year)")
    ]
    assert put_off(fact, FREEZE.until) == ()


@st.composite
def frozen_facts(draw: st.DrawFn) -> CertificateFact:
    """Any fact, with windows and freezes and with anything in use."""
    fact = draw(facts())
    terms = msgspec.structs.replace(
        fact.intent.terms,
        windows=tuple(draw(st.lists(windows, max_size=2))),
        freezes=tuple(draw(st.lists(freezes, max_size=2))),
    )
    ages = st.integers(0, 2500).map(lambda hours: hours * HOUR)
    ends = st.none() | st.integers(-400, 400).map(lambda hours: NOW + hours * HOUR)
    uses = st.none() | st.builds(of, ages, revoked_at=st.sampled_from([None, None, NOW]), window_end=ends)
    there = tuple(msgspec.structs.replace(each, in_use=draw(uses)) for each in fact.deployments)
    intent = msgspec.structs.replace(fact.intent, terms=terms)
    return msgspec.structs.replace(fact, intent=intent, deployments=there, before=draw(uses))


@given(frozen_facts())
def test_under_any_terms_a_wait_ends_in_work_and_nothing_is_due_before(fact: CertificateFact) -> None:
    step = plan(fact, NOW)
    assert step == plan(fact, NOW)
    if isinstance(step, Wait):
        assert step.until > NOW
        if step.reason != "nothing is due" and not fact.stopped:
            assert isinstance(plan(fact, step.until), Task)
        if step.until - timedelta(seconds=1) > NOW:
            assert isinstance(plan(fact, step.until - timedelta(seconds=1)), Wait)


@given(frozen_facts())
def test_no_server_is_touched_in_a_freeze_before_the_last_call_of_what_it_has(fact: CertificateFact) -> None:
    for each in installations(fact, NOW):
        deployment = next((one for one in fact.deployments if one.target == each.target), None)
        there = (deployment.in_use if deployment else None) or fact.before
        calm = there is None or (not (there.revoked_at or there.window_end) and there.not_before + 81 * DAY > NOW)
        if calm and any(freeze.since <= NOW < freeze.until for freeze in fact.intent.terms.freezes):
            assert each.moment > NOW
        if there is not None and each.put_off:
            assert each.moment <= there.not_before + 81 * DAY


def test_what_serves_on_is_what_has_a_successor_that_waits() -> None:
    there = of(61 * DAY, issued_id=7)
    waiting = fresh(deployments=(deployed(DeployStatus.SERVED, there, number=0),))
    assert waiting.current is not None
    assert in_service(waiting, NOW) == (7,)
    assert in_service(waiting, FREEZE.until) == ()
    again = msgspec.structs.replace(there, issued_id=waiting.current.id)
    assert in_service(fresh(deployments=(deployed(DeployStatus.PENDING, again),)), NOW) == ()
    assert in_service(fresh(before=there), NOW) == (7,)
    assert in_service(fresh(), NOW) == ()


def test_a_window_is_waited_for() -> None:
    nights = msgspec.structs.replace(FROZEN, terms=Terms(windows=(Window((0, 1, 2, 3, 4), 22 * 60, 4 * 60),)))
    step = plan(msgspec.structs.replace(fresh(), intent=nights), NOW)
    assert step == Wait(INTENT.name, NOW + 10 * HOUR, "installing it in nginx, put off for its window")
