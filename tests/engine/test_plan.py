"""The planner's laws, as properties and as single facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.names import parse_identifier, parse_identifiers
from evercert.engine.merging import asked
from evercert.engine.plan import plan, renewal_moment
from evercert.model.fact import (
    CertificateFact,
    Deployment,
    DeployStatus,
    Failure,
    Hold,
    Issuance,
    IssuanceStatus,
    IssuedCertificate,
    LeftOut,
    Presented,
    Renewal,
    Stop,
)
from evercert.model.intent import CertificateIntent, RenewPolicy, TargetSpec
from evercert.model.task import Step, Task, Wait
from evercert.model.terms import Terms

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)

INTENT = CertificateIntent(
    name="www.example.test", identifiers=(parse_identifier("www.example.test"),), ca="https://ca.test/dir"
)


# Made of three, of which one is installed somewhere.
MERGED = CertificateIntent(
    name=INTENT.name,
    identifiers=parse_identifiers(["a.test", "b.test", "c.test"]),
    ca="https://ca.test/dir",
    targets=(TargetSpec("nginx"),),
    terms=Terms(
        installed_as={"nginx": "a"}, members={"a": ("a.test",), "b": ("b.test", "c.test"), "c": ("c.test",)}, merge=9
    ),
)
FAILURE = Failure("challenge-failed", "nobody is there", NOW)


def issued(
    age: timedelta, life: timedelta, *, number: int = 1, revoked: bool = False, ari_id: str = "aki.serial"
) -> IssuedCertificate:
    return IssuedCertificate(
        id=number,
        certificate=INTENT.name,
        issuance_id=1,
        key_id=1,
        serial="01",
        not_before=NOW - age,
        not_after=NOW - age + life,
        fingerprint="00",
        issuer="CA",
        ari_id=ari_id,
        issued_at=NOW - age,
        revoked_at=NOW if revoked else None,
    )


def held(age: timedelta, life: timedelta, **changes: object) -> CertificateFact:
    fact = CertificateFact(INTENT, current=issued(age, life), ari_poll_at=NOW + DAY, on_schedule=True)
    return msgspec.structs.replace(fact, **changes)


def test_a_certificate_that_does_not_exist_yet_is_issued() -> None:
    assert plan(CertificateFact(INTENT), NOW) == Task(INTENT.name, Step.ISSUE, "there is no certificate yet")


def test_a_young_certificate_is_left_alone_until_two_thirds_of_its_life() -> None:
    step = plan(held(DAY, 90 * DAY, ari_poll_at=NOW + 1000 * DAY), NOW)
    assert isinstance(step, Wait)
    # A fiftieth earlier at most: what came on its own schedule is hardly moved.
    assert timedelta() <= NOW - DAY + 60 * DAY - step.until <= 60 * DAY / 50


def test_a_life_under_ten_days_is_renewed_at_its_half() -> None:
    fact = held(timedelta(hours=81), timedelta(hours=160))
    assert isinstance(plan(fact, NOW), Task)
    assert isinstance(plan(held(timedelta(hours=78), timedelta(hours=160)), NOW), Wait)


def test_a_window_that_the_ca_moved_into_the_past_is_acted_on_at_once() -> None:
    past = Renewal(NOW - 3 * DAY, NOW - 2 * DAY, NOW - 3 * DAY, NOW + DAY)
    step = plan(held(DAY, 90 * DAY, renewal=past), NOW)
    assert step == Task(INTENT.name, Step.ISSUE, "the CA suggests it (ARI)")


def test_a_window_at_the_very_end_of_the_life_is_not_believed() -> None:
    late = Renewal(NOW + 89 * DAY, NOW + 90 * DAY, NOW + 89.9 * DAY, NOW + DAY)
    moment, _ = renewal_moment(held(DAY, 90 * DAY, renewal=late), issued(DAY, 90 * DAY))
    assert moment == NOW - DAY + 81 * DAY


def test_a_revoked_certificate_is_replaced_at_once() -> None:
    fact = held(DAY, 90 * DAY, current=issued(DAY, 90 * DAY, revoked=True))
    assert plan(fact, NOW) == Task(INTENT.name, Step.ISSUE, "it was revoked")


def test_a_failure_holds_the_next_attempt_back_until_its_time() -> None:
    fact = CertificateFact(INTENT, failures=1, retry_at=NOW + timedelta(minutes=1))
    assert plan(fact, NOW) == Wait(
        INTENT.name, NOW + timedelta(minutes=1), "it is tried again, because the last attempt failed"
    )
    assert isinstance(plan(fact, NOW + timedelta(minutes=1)), Task)


def test_an_order_that_was_begun_is_finished_before_anything_new() -> None:
    issuance = Issuance(1, INTENT.name, 1, IssuanceStatus.ORDERED, 1, b"", NOW, order_url="https://ca.test/o/1")
    step = plan(held(DAY, 90 * DAY, open_issuance=issuance), NOW)
    assert step == Task(INTENT.name, Step.ISSUE, "an order that was begun is to be finished")


def test_what_has_no_order_yet_is_told_by_what_asks_for_it() -> None:
    keyed = Issuance(1, INTENT.name, 1, IssuanceStatus.KEYED, 1, b"", NOW)
    new = plan(CertificateFact(INTENT, open_issuance=keyed), NOW)
    assert new == Task(INTENT.name, Step.ISSUE, "there is no certificate yet")
    undue = plan(held(DAY, 90 * DAY, open_issuance=keyed), NOW)
    assert undue == Task(INTENT.name, Step.ISSUE, "an attempt that was begun is to be finished")


def test_a_new_certificate_goes_to_every_target_one_after_another() -> None:
    intent = msgspec.structs.replace(INTENT, targets=(TargetSpec("nginx"), TargetSpec("haproxy")))
    fact = held(DAY, 90 * DAY, intent=intent)
    assert plan(fact, NOW) == Task(INTENT.name, Step.DEPLOY, "it is not there yet", "nginx")
    served = Deployment(INTENT.name, "nginx", 1, DeployStatus.SERVED, NOW)
    step = plan(msgspec.structs.replace(fact, deployments=(served,)), NOW)
    assert isinstance(step, Task)
    assert step.target == "haproxy"


def test_a_failed_deployment_is_retried_at_its_time_and_stops_no_renewal() -> None:
    intent = msgspec.structs.replace(INTENT, targets=(TargetSpec("nginx"),))
    failed = Deployment(INTENT.name, "nginx", 1, DeployStatus.FAILED, NOW, 1, NOW + timedelta(minutes=1))
    young = held(DAY, 90 * DAY, intent=intent, deployments=(failed,))
    assert plan(young, NOW) == Wait(INTENT.name, NOW + timedelta(minutes=1), "installing it failed")
    old = held(80 * DAY, 90 * DAY, intent=intent, deployments=(failed,))
    assert isinstance(step := plan(old, NOW), Task)
    assert step.step is Step.ISSUE


def test_the_ca_is_asked_when_to_renew_only_where_it_can_answer() -> None:
    assert plan(held(DAY, 90 * DAY, ari_poll_at=NOW), NOW).reason == "it is time to ask the CA when to renew"
    without = held(DAY, 90 * DAY, ari_poll_at=None, current=issued(DAY, 90 * DAY, ari_id=""))
    assert isinstance(plan(without, NOW), Wait)
    unwanted = msgspec.structs.replace(INTENT, renew=RenewPolicy(use_ari=False))
    assert isinstance(plan(held(DAY, 90 * DAY, ari_poll_at=None, intent=unwanted), NOW), Wait)


def test_a_poll_that_was_missed_before_the_end_wakes_nobody_after_it() -> None:
    ended = held(91 * DAY, 90 * DAY, ari_poll_at=NOW - 2 * DAY, retry_at=NOW + DAY)
    assert plan(ended, NOW) == Wait(INTENT.name, NOW + DAY, "it is tried again, because the last attempt failed")


def test_what_was_left_behind_is_taken_away_when_nothing_is_due() -> None:
    left = Presented(
        1, 1, "dns", "a.test", "dns-01", "https://ca.test/c/1", "t", "rfc2136", {}, "_acme-challenge.a.test", "v"
    )
    step = plan(held(DAY, 90 * DAY, leftovers=(left,)), NOW)
    assert isinstance(step, Task)
    assert step.step is Step.CLEAN_UP


def test_a_stopped_certificate_asks_no_ca_for_anything_whatever_is_due() -> None:
    stopped = Stop("by hand", NOW - DAY)
    renewal = Renewal(NOW - 3 * DAY, NOW - 2 * DAY, NOW - 3 * DAY, NOW)
    for fact in (
        CertificateFact(INTENT, stopped=stopped),
        held(DAY, 90 * DAY, stopped=stopped, forced=True),
        held(DAY, 90 * DAY, stopped=stopped, renewal=renewal, ari_poll_at=NOW),
        held(DAY, 90 * DAY, stopped=stopped, current=issued(DAY, 90 * DAY, revoked=True)),
    ):
        assert plan(fact, NOW) == Wait(INTENT.name, NOW + DAY, "it is stopped: by hand")


def test_a_stopped_certificate_gives_up_its_orders_and_is_installed_all_the_same() -> None:
    intent = msgspec.structs.replace(INTENT, targets=(TargetSpec("nginx"),))
    issuance = Issuance(1, INTENT.name, 1, IssuanceStatus.ORDERED, 1, b"", NOW, order_url="https://ca.test/o/1")
    fact = held(DAY, 90 * DAY, intent=intent, stopped=Stop("by hand", NOW), open_issuance=issuance)
    assert plan(fact, NOW) == Task(INTENT.name, Step.DEPLOY, "it is not there yet", "nginx")
    failed = Deployment(INTENT.name, "nginx", 1, DeployStatus.FAILED, NOW, 1, NOW + timedelta(minutes=1))
    fact = msgspec.structs.replace(fact, deployments=(failed,))
    assert plan(fact, NOW) == Task(INTENT.name, Step.ABANDON, "it is stopped: by hand")
    fact = msgspec.structs.replace(fact, open_issuance=None)
    assert plan(fact, NOW) == Wait(INTENT.name, NOW + timedelta(minutes=1), "it is stopped: by hand")


moments = st.one_of(st.none(), st.integers(-400, 400).map(lambda hours: NOW + timedelta(hours=hours)))
statuses = st.sampled_from(DeployStatus)


@st.composite
def facts(draw: st.DrawFn) -> CertificateFact:
    """Any fact that the store could tell, likely or not."""
    life = timedelta(hours=draw(st.integers(1, 9000)))
    current = draw(
        st.one_of(
            st.none(),
            st.builds(
                issued,
                st.integers(0, 9000).map(lambda hours: timedelta(hours=hours)),
                st.just(life),
                number=st.integers(1, 3),
                revoked=st.booleans(),
                ari_id=st.sampled_from(["", "a.b"]),
            ),
        )
    )
    start = NOW + timedelta(hours=draw(st.integers(-5000, 5000)))
    renewal = draw(st.sampled_from([None, Renewal(start, start + DAY, start + DAY / 2, NOW)]))
    deployment = st.builds(
        Deployment,
        st.just(INTENT.name),
        st.just("nginx"),
        st.integers(1, 3),
        statuses,
        st.just(NOW),
        st.just(1),
        moments,
    )
    intent = msgspec.structs.replace(INTENT, targets=(TargetSpec("nginx"),) if draw(st.booleans()) else ())
    left_out: tuple[LeftOut, ...] = ()
    if draw(st.booleans()):
        intent, has = MERGED, st.lists(st.sampled_from(["a.test", "b.test", "c.test"]), min_size=1, unique=True)
        current = msgspec.structs.replace(current, names=tuple(draw(has))) if current else None
        members = draw(st.lists(st.sampled_from(["a", "b", "c", "gone"]), unique=True))
        left_out = tuple(LeftOut(member, 1, draw(moments.filter(bool)) or NOW, FAILURE) for member in members)
    return CertificateFact(
        intent=intent,
        left_out=left_out,
        current=current,
        renewal=renewal,
        ari_poll_at=draw(moments),
        deployments=(draw(deployment),) if draw(st.booleans()) else (),
        failures=draw(st.integers(0, 3)),
        retry_at=draw(moments),
        forced=draw(st.booleans()),
        stopped=draw(st.sampled_from([None, None, Stop("by hand", NOW)])),
        on_schedule=draw(st.booleans()),
        hold=draw(st.none() | st.builds(Hold, moments.filter(bool), st.just("a limit"))),
    )


@given(facts())
def test_every_fact_has_one_answer_and_it_is_always_the_same(fact: CertificateFact) -> None:
    assert plan(fact, NOW) == plan(fact, NOW)


@given(facts())
def test_nothing_is_due_before_the_moment_that_a_wait_names(fact: CertificateFact) -> None:
    step = plan(fact, NOW)
    if isinstance(step, Wait):
        assert step.until > NOW
        just_before = step.until - timedelta(seconds=1)
        if just_before > NOW:
            assert isinstance(plan(fact, just_before), Wait)


@given(facts())
def test_a_wait_ends_in_work_or_in_another_look(fact: CertificateFact) -> None:
    step = plan(fact, NOW)
    if isinstance(step, Wait) and step.reason != "nothing is due" and not fact.stopped:
        assert isinstance(plan(fact, step.until), Task)


@given(facts())
def test_planning_what_was_done_gives_nothing_more_of_it(fact: CertificateFact) -> None:
    step = plan(fact, NOW)
    if isinstance(step, Task):
        again = plan(after(fact, step), NOW)
        assert not (isinstance(again, Task) and again.step is step.step)


def after(fact: CertificateFact, task: Task) -> CertificateFact:
    """What the hands write down when the task went well."""
    change = msgspec.structs.replace
    if task.step is Step.DEPLOY and fact.current:
        done = Deployment(INTENT.name, task.target, fact.current.id, DeployStatus.SERVED, NOW)
        return change(fact, deployments=(done,))
    if task.step is Step.ISSUE:
        names = tuple(each.value for each in asked(fact, NOW))
        fresh = change(issued(timedelta(), 90 * DAY, number=9), names=names)
        return change(fact, current=fresh, renewal=None, ari_poll_at=NOW + DAY, forced=False, retry_at=None, failures=0)
    if task.step is Step.POLL_RENEWAL_INFO:
        return change(fact, ari_poll_at=NOW + DAY)
    return change(fact, leftovers=())


def merged(left_out: tuple[LeftOut, ...] = (), **changes: object) -> CertificateFact:
    return msgspec.structs.replace(held(DAY, 90 * DAY), intent=MERGED, left_out=left_out, **changes)


def test_what_a_merged_certificate_lacks_is_not_installed_where_that_belongs() -> None:
    without = msgspec.structs.replace(issued(DAY, 90 * DAY), names=("b.test", "c.test"))
    left = LeftOut("a", 1, NOW + timedelta(minutes=1), FAILURE)
    assert plan(merged((left,), current=without), NOW) == Wait(INTENT.name, left.until, "a is tried again")
    whole = msgspec.structs.replace(without, names=("a.test", "b.test", "c.test"))
    step = plan(merged((left,), current=whole), NOW)
    assert step == Task(INTENT.name, Step.DEPLOY, "it is not there yet", "nginx")


def test_who_was_left_out_is_tried_again_and_then_nothing_is_due_for_that() -> None:
    without = msgspec.structs.replace(issued(DAY, 90 * DAY), names=("b.test", "c.test"))
    past, ahead = LeftOut("a", 3, NOW, FAILURE), LeftOut("a", 4, NOW + DAY, FAILURE)
    assert plan(merged((past,), current=without), NOW) == Task(INTENT.name, Step.ISSUE, "a can be tried again")
    assert isinstance(plan(merged((ahead,), current=without), NOW), Wait)
    # One that is gone from the declaration is nobody's matter.
    gone = LeftOut("gone", 3, NOW, FAILURE)
    assert isinstance(plan(merged((gone,), current=without), NOW), Wait)


def test_a_merged_certificate_whose_members_are_all_left_out_asks_no_ca() -> None:
    left = tuple(LeftOut(member, 1, NOW + DAY, FAILURE) for member in MERGED.terms.members)
    assert plan(CertificateFact(MERGED, left_out=left), NOW) == Wait(INTENT.name, NOW + DAY, "a is tried again")


def test_what_is_held_waits_for_room_and_says_for_which_limit() -> None:
    fact = CertificateFact(INTENT, hold=Hold(NOW + DAY, "the limit of 5 orders is used up", INTENT.ca))
    assert plan(fact, NOW) == Wait(INTENT.name, NOW + DAY, "the limit of 5 orders is used up")
    assert isinstance(plan(fact, NOW + DAY), Task)


def test_a_renewal_that_is_held_says_so_once_it_is_due() -> None:
    limit = Hold(NOW + DAY, "a limit")
    assert plan(held(61 * DAY, 90 * DAY, hold=limit, ari_poll_at=NOW + 9 * DAY), NOW) == Wait(
        INTENT.name, NOW + DAY, "a limit"
    )
    young = held(DAY, 90 * DAY)
    assert plan(msgspec.structs.replace(young, hold=limit), NOW) == plan(young, NOW)
