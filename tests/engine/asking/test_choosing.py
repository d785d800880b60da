"""Which CA is asked: laws, and the rule of each verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.names import parse_identifier
from evercert.engine.asking.choosing import Ask, Later, cas_of, choose, tried
from evercert.model.fact import CertificateFact, IssuedCertificate, Outage, Trial, Verdict
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.model.terms import CaChoice, Terms

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

A, B, C = (f"https://{name}.test/directory" for name in "abc")
INTENT = CertificateIntent(
    name="www.example.test",
    identifiers=(parse_identifier("www.example.test"),),
    ca=A,
    challenges=(ChallengeRule("dns-01", "rfc2136"),),
    terms=Terms(further_cas=(CaChoice(B), CaChoice(C))),
)


def current(left: timedelta, life: timedelta = 90 * DAY, *, revoked: bool = False) -> IssuedCertificate:
    end = NOW + left
    return IssuedCertificate(
        id=1,
        certificate=INTENT.name,
        issuance_id=1,
        key_id=1,
        serial="01",
        not_before=end - life,
        not_after=end,
        fingerprint="00",
        issuer="CA",
        ari_id="aki.serial",
        issued_at=end - life,
        revoked_at=NOW if revoked else None,
    )


def fact(*trials: Trial, left: timedelta | None = 30 * DAY, revoked: bool = False) -> CertificateFact:
    certificate = current(left, revoked=revoked) if left is not None else None
    return CertificateFact(INTENT, current=certificate, trials=trials)


def trial(ca: str, verdict: Verdict, wait: timedelta, failures: int = 1) -> Trial:
    return Trial(ca, verdict, failures, NOW + wait)


def asked(choice: Ask | Later) -> list[str]:
    return [ca.directory for ca in choice.cas] if isinstance(choice, Ask) else []


WAITS = st.timedeltas(-DAY, 10 * DAY)
TRIALS = st.builds(
    lambda *trials: tuple(filter(None, trials)),
    *(
        st.none() | st.builds(Trial, st.just(ca), st.sampled_from(Verdict), st.integers(1, 9), WAITS.map(NOW.__add__))
        for ca in (A, B, C)
    ),
)
OUTAGES = st.dictionaries(st.sampled_from([A, B, C]), st.tuples(st.integers(1, 9), WAITS)).map(
    lambda found: {ca: Outage(ca, failures, NOW - DAY, NOW + wait) for ca, (failures, wait) in found.items()}
)
FACTS = st.builds(
    lambda left, life, revoked, trials: CertificateFact(
        INTENT, current=current(left * life, life, revoked=revoked) if left is not None else None, trials=trials
    ),
    st.none() | st.floats(-0.1, 1.0),
    st.sampled_from([6 * DAY, 47 * DAY, 90 * DAY]),
    st.booleans(),
    TRIALS,
)
BEGUN = st.lists(
    st.sampled_from([CaChoice(ca) for ca in (A, B, C, "https://gone.test/directory")]), unique=True, max_size=2
)


def blocked(fact: CertificateFact, outages: dict[str, Outage]) -> set[str]:
    by_trials = {each.ca for each in fact.trials if each.until > NOW}
    return by_trials | {ca for ca, outage in outages.items() if outage.until > NOW}


@given(FACTS, OUTAGES, BEGUN)
def test_it_is_total_and_never_asks_one_that_is_not_to_be_asked(
    fact: CertificateFact, outages: dict[str, Outage], begun: list[CaChoice]
) -> None:
    choice = choose(fact, NOW, outages, begun)
    assert choice == choose(fact, NOW, outages, begun)
    if isinstance(choice, Later):
        assert choice.until > NOW
        return
    assert 1 <= len(choice.cas) <= 2
    assert not set(asked(choice)) & blocked(fact, outages)
    assert len(set(asked(choice))) == len(choice.cas)
    assert set(asked(choice)) <= {ca.directory for ca in cas_of(fact.intent)}


@given(FACTS, OUTAGES, BEGUN)
def test_where_the_end_is_near_somebody_is_asked_if_anybody_may_be(
    fact: CertificateFact, outages: dict[str, Outage], begun: list[CaChoice]
) -> None:
    certificate = fact.current
    if certificate is None or certificate.not_after - NOW >= certificate.lifetime / 6:
        return
    free = {A, B, C} - blocked(fact, outages)
    assert bool(asked(choose(fact, NOW, outages, begun))) is bool(free)


@given(FACTS, OUTAGES, BEGUN)
def test_who_comes_when_he_is_told_to_gets_his_answer_soon(
    fact: CertificateFact, outages: dict[str, Outage], begun: list[CaChoice]
) -> None:
    """Each wait ends later than the one before, and there are no more of them than reasons to wait."""
    now, waits = NOW, 0
    while isinstance(choice := choose(fact, now, outages, begun), Later):
        assert choice.until > now
        now, waits = choice.until, waits + 1
    assert waits <= len(fact.trials) + len(outages)


@given(FACTS, OUTAGES, st.sampled_from(Verdict), st.sampled_from([A, B, C]), st.integers(0, 10**6))
def test_a_ca_that_was_just_tried_in_vain_is_not_asked_again_at_once(
    fact: CertificateFact, outages: dict[str, Outage], verdict: Verdict, ca: str, seed: int
) -> None:
    trials = tried(fact, CaChoice(ca), verdict, "no", NOW, Random(seed))
    assert len({each.ca for each in trials}) == len(trials)
    after = msgspec.structs.replace(fact, trials=trials)
    assert ca not in asked(choose(after, NOW, outages))


def test_the_first_one_is_asked_where_nothing_is_known() -> None:
    assert asked(choose(fact(), NOW, {})) == [A]


@pytest.mark.parametrize(
    ("verdict", "failures", "wait", "whom"),
    [
        (Verdict.REFUSED, 1, DAY, [B]),
        (Verdict.OUTAGE, 1, MINUTE, []),
        (Verdict.OUTAGE, 2, MINUTE, [B]),
        (Verdict.LIMITED, 1, 2 * DAY, []),  # of thirty days
        (Verdict.LIMITED, 1, 4 * DAY, [B]),
        (Verdict.FAILED, 1, MINUTE, []),
        (Verdict.FAILED, 2, 10 * MINUTE, []),
        (Verdict.FAILED, 3, 100 * MINUTE, [B]),
    ],
)
def test_each_verdict_has_its_own_rule(verdict: Verdict, failures: int, wait: timedelta, whom: list[str]) -> None:
    choice = choose(fact(trial(A, verdict, wait, failures)), NOW, {})
    assert asked(choice) == whom
    assert isinstance(choice, Ask) or choice.until == NOW + wait


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_verdict_is_waited_out_once_the_end_is_near_or_it_was_revoked(verdict: Verdict) -> None:
    only = trial(A, verdict, HOUR)
    assert asked(choose(fact(only, left=14 * DAY), NOW, {})) == [B]
    assert asked(choose(fact(only, revoked=True), NOW, {})) == [B]


def test_a_new_certificate_waits_an_hour_for_a_limit_and_not_longer() -> None:
    assert asked(choose(fact(trial(A, Verdict.LIMITED, HOUR), left=None), NOW, {})) == []
    assert asked(choose(fact(trial(A, Verdict.LIMITED, 2 * HOUR), left=None), NOW, {})) == [B]


def test_one_lost_connection_makes_others_wait_and_a_ca_that_is_down_is_passed_over() -> None:
    once = {A: Outage(A, 1, NOW, NOW + MINUTE)}
    choice = choose(fact(), NOW, once)
    assert isinstance(choice, Later)
    assert (choice.until, choice.waiting.outage) == (NOW + MINUTE, True)
    down = {A: Outage(A, 4, NOW, NOW + MINUTE)}
    assert asked(choose(fact(), NOW, down)) == [B]
    assert asked(choose(fact(), NOW + MINUTE, down)) == [A]


def test_an_order_that_was_begun_goes_before_a_ca_that_is_preferred() -> None:
    assert asked(choose(fact(), NOW, {}, [CaChoice(C)])) == [C]
    assert asked(choose(fact(trial(C, Verdict.REFUSED, DAY)), NOW, {}, [CaChoice(C)])) == [A]


def test_close_to_the_end_two_are_asked_at_once() -> None:
    assert asked(choose(fact(left=9 * DAY), NOW, {})) == [A]
    assert asked(choose(fact(left=9 * DAY - MINUTE), NOW, {})) == [A, B]
    assert asked(choose(fact(trial(A, Verdict.OUTAGE, HOUR), left=DAY), NOW, {})) == [B, C]
    assert asked(choose(fact(trial(A, Verdict.OUTAGE, HOUR), trial(C, Verdict.REFUSED, DAY), left=DAY), NOW, {})) == [B]


def test_a_tls_handshake_has_one_answer_so_there_is_no_race_for_it() -> None:
    rules = (ChallengeRule("tls-alpn-01", "standalone"),)
    alone = msgspec.structs.replace(fact(left=DAY), intent=msgspec.structs.replace(INTENT, challenges=rules))
    assert asked(choose(alone, NOW, {})) == [A]


def test_a_refusal_is_asked_about_again_in_a_day_or_as_usual_where_there_is_nobody_else() -> None:
    [refused] = tried(fact(), CaChoice(A), Verdict.REFUSED, "no", NOW, Random(1))
    assert DAY <= refused.until - NOW <= DAY * 5 / 4
    alone = msgspec.structs.replace(fact(), intent=msgspec.structs.replace(INTENT, terms=Terms()))
    [refused] = tried(alone, CaChoice(A), Verdict.REFUSED, "no", NOW, Random(1))
    assert MINUTE <= refused.until - NOW <= MINUTE * 5 / 4


def test_a_trial_waits_as_long_as_the_ca_asks_to() -> None:
    [limited] = tried(fact(), CaChoice(A), Verdict.LIMITED, "too many", NOW, Random(1), after=5 * HOUR)
    assert limited.until == NOW + 5 * HOUR


def test_an_account_that_is_named_twice_is_asked_once_and_another_one_there_is_another() -> None:
    further = (CaChoice(A), CaChoice(A, "other"), CaChoice(B), CaChoice(A, "other"))
    twice = msgspec.structs.replace(INTENT, terms=Terms(further_cas=further))
    assert cas_of(twice) == (CaChoice(A), CaChoice(A, "other"), CaChoice(B))


def in_incident(*trials: Trial) -> CertificateFact:
    return msgspec.structs.replace(fact(*trials), incident_id=1, incident_ca=CaChoice("https://d.test/directory", "x"))


def test_whom_an_incident_prefers_goes_first_also_before_what_was_begun() -> None:
    assert asked(choose(in_incident(), NOW, {})) == ["https://d.test/directory"]
    assert asked(choose(in_incident(), NOW, {}, [CaChoice(A)])) == ["https://d.test/directory"]
    assert cas_of(INTENT, CaChoice(B, "x")) == (CaChoice(B, "x"), CaChoice(A), CaChoice(B), CaChoice(C))


def test_for_a_limit_of_the_one_that_it_prefers_is_waited_and_for_a_refusal_not() -> None:
    d = "https://d.test/directory"
    assert isinstance(choose(in_incident(trial(d, Verdict.LIMITED, 2 * DAY)), NOW, {}), Later)
    assert asked(choose(in_incident(trial(d, Verdict.LIMITED, 4 * DAY)), NOW, {})) == [A]
    assert asked(choose(in_incident(trial(d, Verdict.REFUSED, HOUR)), NOW, {})) == [A]


def two_accounts(*trials: Trial, left: timedelta = 30 * DAY) -> CertificateFact:
    """At one CA, and then another CA."""
    terms = Terms(further_cas=(CaChoice(A, "other"), CaChoice(B)))
    intent = msgspec.structs.replace(INTENT, terms=terms)
    return CertificateFact(intent, current=current(left), trials=trials)


def whom(choice: Ask | Later) -> list[tuple[str, str]]:
    return [(ca.directory, ca.account) for ca in choice.cas] if isinstance(choice, Ask) else []


def test_another_account_at_the_same_ca_is_asked_where_the_first_is_refused() -> None:
    refused = tried(two_accounts(), CaChoice(A), Verdict.REFUSED, "no", NOW, Random(1))
    assert whom(choose(two_accounts(*refused), NOW, {})) == [(A, "other")]
    both = tried(two_accounts(*refused), CaChoice(A, "other"), Verdict.REFUSED, "no", NOW, Random(1))
    assert [(each.ca, each.account) for each in both] == [(A, "default"), (A, "other")]
    assert whom(choose(two_accounts(*both), NOW, {})) == [(B, "default")]


def test_a_ca_that_is_down_is_so_for_each_account_there() -> None:
    down = {A: Outage(A, 9, NOW - HOUR, NOW + MINUTE)}
    choice = choose(two_accounts(), NOW, down)
    assert whom(choice) == [(B, "default")]
    assert isinstance(choice, Ask)
    assert [each.ca for each in choice.passed] == [CaChoice(A), CaChoice(A, "other")]
    assert [each.ca for each in choice.down] == [CaChoice(A)]


def test_two_are_asked_at_once_at_two_cas() -> None:
    assert whom(choose(two_accounts(left=8 * DAY), NOW, {})) == [(A, "default"), (B, "default")]


def test_what_was_begun_by_an_account_is_gone_on_with_by_that_account() -> None:
    assert whom(choose(two_accounts(), NOW, {}, [CaChoice(A, "other")])) == [(A, "other")]


def test_a_trial_from_before_accounts_were_told_apart_is_of_each() -> None:
    assert whom(choose(two_accounts(trial(A, Verdict.REFUSED, DAY)), NOW, {})) == [(B, "default")]


def test_an_incident_may_prefer_another_account_at_the_same_ca() -> None:
    preferring = msgspec.structs.replace(fact(), incident_id=1, incident_ca=CaChoice(A, "other"))
    assert whom(choose(preferring, NOW, {})) == [(A, "other")]
    [refused] = tried(preferring, CaChoice(A, "other"), Verdict.REFUSED, "no", NOW, Random(1))
    assert whom(choose(msgspec.structs.replace(preferring, trials=(refused,)), NOW, {})) == [(A, "default")]
