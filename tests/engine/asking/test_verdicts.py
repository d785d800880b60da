"""Every failure has a verdict, each from one table."""

from __future__ import annotations

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import CODES, EvercertError, NetworkFailure, Retry
from evercert.engine.asking.verdicts import OF_CODES, OF_PROBLEMS, is_silence, verdict_of
from evercert.model.fact import Verdict

CA = "https://ca.test/directory"


def test_every_code_and_every_type_of_problem_is_in_its_table() -> None:
    assert OF_CODES.keys() == CODES.keys()
    assert OF_PROBLEMS.keys() == set(ProblemType)


def test_what_is_told_to_go_to_another_ca_is_a_refusal() -> None:
    for code in CODES.values():
        assert code.retry is not Retry.OTHER_CA or OF_CODES[code.name] is Verdict.REFUSED
    for kind in ProblemType:
        assert kind.value.retry is not Retry.OTHER_CA or verdict_of(Problem(kind, ca=CA)) is Verdict.REFUSED


def test_only_what_a_ca_said_or_did_not_say_is_an_outage_of_the_ca() -> None:
    assert verdict_of(NetworkFailure("unreachable", "gone", ca=CA)) is Verdict.OUTAGE
    assert verdict_of(NetworkFailure("unreachable", "the DNS provider is gone")) is None
    assert is_silence(NetworkFailure("timeout", "gone", ca=CA))
    assert not is_silence(NetworkFailure("timeout", "the DNS provider is gone"))


def test_an_answer_that_we_could_not_put_up_is_no_ca_s_matter() -> None:
    assert verdict_of(EvercertError("challenge-failed", "cannot write below /var/www")) is None
    assert verdict_of(EvercertError("challenge-failed", "the CA could not validate it", ca=CA)) is Verdict.FAILED


def test_a_fault_of_the_servers_is_an_outage_whatever_it_calls_itself() -> None:
    assert verdict_of(Problem(ProblemType.MALFORMED, status=500)) is Verdict.OUTAGE
    assert verdict_of(Problem(ProblemType.OTHER, status=503)) is Verdict.OUTAGE


def test_one_internal_error_is_not_silence_but_a_gateway_without_a_server_is() -> None:
    assert not is_silence(Problem(ProblemType.SERVER_INTERNAL))
    for status in (502, 503, 504):
        assert is_silence(Problem(ProblemType.SERVER_INTERNAL, status=status))


def test_of_several_faults_the_one_counts_that_lasts_longest() -> None:
    parts = (Problem(ProblemType.DNS), Problem(ProblemType.REJECTED_IDENTIFIER), Problem(ProblemType.CONNECTION))
    assert verdict_of(Problem(ProblemType.COMPOUND, subproblems=parts)) is Verdict.REFUSED
    assert verdict_of(Problem(ProblemType.COMPOUND, subproblems=parts[::2])) is Verdict.FAILED
    assert verdict_of(Problem(ProblemType.COMPOUND)) is Verdict.FAILED


def test_a_limit_is_a_limit_whether_the_ca_or_our_own_books_say_so() -> None:
    assert verdict_of(Problem(ProblemType.RATE_LIMITED, ca=CA)) is Verdict.LIMITED
    assert verdict_of(EvercertError("held", "no room")) is Verdict.LIMITED
