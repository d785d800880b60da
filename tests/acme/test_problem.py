from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import URN, Problem, ProblemType, problem_type, refusal
from evercert.base.errors import CODES, Retry
from evercert.base.message import Response

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def refused(document: Any, status: int = 400, **headers: str) -> Problem:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return refusal(
        Response(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body, NOW)
    )


@pytest.mark.parametrize("kind", [each for each in ProblemType if each is not ProblemType.OTHER])
def test_every_type_is_known_by_its_urn_and_has_a_code_and_a_status(kind: ProblemType) -> None:
    assert problem_type(kind.urn) is kind
    assert kind.value.code in CODES
    assert 400 <= kind.value.status <= 599
    assert kind.value.meaning[0].islower() or kind.value.meaning.startswith("the CA")


def test_no_two_types_share_a_name() -> None:
    assert len({kind.value.name for kind in ProblemType}) == len(ProblemType)


def test_a_rate_limit_is_a_verdict_with_its_time() -> None:
    problem = refused({"type": f"{URN}rateLimited", "detail": "too many certificates"}, 429, retry_after="3600")
    assert (problem.type, problem.retry, problem.after) == (
        ProblemType.RATE_LIMITED,
        Retry.LATER,
        timedelta(hours=1),
    )
    assert problem.code.name == "rate-limited"
    assert str(problem) == "rateLimited: too many certificates"


@pytest.mark.parametrize("body", [b"", b"<html>Too Many Requests</html>", b'{"message":"slow down"}', b"[]", b"["])
def test_a_429_without_a_problem_document_is_a_rate_limit_too(body: bytes) -> None:
    problem = refused(body, 429, retry_after="7")
    assert (problem.type, problem.after) == (ProblemType.RATE_LIMITED, timedelta(seconds=7))


def test_a_429_of_a_type_of_its_own_is_a_rate_limit() -> None:
    assert refused({"type": "https://ca.example/slow", "detail": "x"}, 429).type is ProblemType.RATE_LIMITED


@pytest.mark.parametrize(("status", "retry"), [(500, Retry.LATER), (502, Retry.LATER), (503, Retry.LATER)])
def test_a_server_fault_without_a_document_is_tried_again_later(status: int, retry: Retry) -> None:
    problem = refused(b"bad gateway", status)
    assert (problem.type, problem.retry, problem.status) == (ProblemType.SERVER_INTERNAL, retry, status)


def test_a_type_that_nobody_registered_keeps_its_name() -> None:
    problem = refused({"type": f"{URN}fullMoon", "detail": "not tonight"})
    assert problem.type is ProblemType.OTHER
    assert str(problem) == "fullMoon: not tonight"
    assert problem.unknown_type == f"{URN}fullMoon"


def test_subproblems_are_shown_by_name() -> None:
    problem = refused(
        {
            "type": f"{URN}compound",
            "detail": "several names",
            "subproblems": [
                {"type": f"{URN}caa", "detail": "forbidden", "identifier": {"type": "dns", "value": "a.example"}},
                {"type": f"{URN}dns", "detail": "no answer", "identifier": {"type": "dns", "value": "b.example"}},
            ],
        }
    )
    assert str(problem) == "compound: several names; a.example: caa: forbidden; b.example: dns: no answer"
    assert [each.type for each in problem.subproblems] == [ProblemType.CAA, ProblemType.DNS]
    assert "CAA record" in problem.hint


def test_thousands_of_subproblems_make_a_short_message() -> None:
    each = {"type": f"{URN}dns", "detail": "x" * 10_000}
    problem = refused({"type": f"{URN}compound", "detail": "y" * 10_000, "subproblems": [each] * 1000})
    assert len(str(problem)) < 6_000
    assert str(problem).endswith("and 990 more")


def test_what_a_user_must_visit_is_the_hint() -> None:
    document = {"type": f"{URN}userActionRequired", "detail": "new terms", "instance": "https://ca.example/terms"}
    problem = refused(document, 403)
    assert problem.hint == "see https://ca.example/terms"
    assert problem.retry is Retry.NEVER


def test_who_is_not_allowed_is_told_what_to_look_at() -> None:
    assert "evercert doctor NAME" in refused({"type": f"{URN}unauthorized"}, 403).hint


def test_a_foreign_text_cannot_steer_the_terminal() -> None:
    problem = refused({"type": f"{URN}malformed", "detail": "a\x1b[2J\nb", "instance": "javascript:alert(1)"})
    assert str(problem) == "malformed: a [2J b"
    assert problem.hint == ""


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": f"{URN}invalidProfile", "detail": "no"}, True),
        ({"type": f"{URN}unauthorized", "detail": "account is not allowed to use profile tlsserver"}, True),
        ({"type": f"{URN}malformed", "detail": "Order includes unrecognized profile name"}, True),
        ({"type": f"{URN}malformed", "detail": "bad name"}, False),
        ({"type": f"{URN}rateLimited", "detail": "profile"}, False),
    ],
)
def test_a_refused_profile_is_known_in_every_ca_s_words(document: dict[str, str], expected: bool) -> None:
    assert refused(document).refuses_profile is expected


@given(st.binary(max_size=300), st.integers(400, 599))
def test_any_error_response_is_a_problem(body: bytes, status: int) -> None:
    assert refused(body, status).status == status


@given(
    st.dictionaries(
        st.sampled_from(["type", "detail", "title", "status", "instance", "identifier", "subproblems"]),
        st.none() | st.integers() | st.text(max_size=50) | st.lists(st.dictionaries(st.text(), st.text())),
    )
)
def test_any_problem_document_is_a_problem(document: dict[str, Any]) -> None:
    assert refused(document).code.name in CODES


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": f"{URN}externalAccountRequired", "detail": "no"}, True),
        ({"type": f"{URN}unauthorized", "detail": "Unknown external account binding key."}, True),
        ({"type": f"{URN}unauthorized", "detail": "The EAB has been used"}, True),
        ({"type": f"{URN}malformed", "detail": "the key ID is not known"}, True),
        ({"type": f"{URN}unauthorized", "detail": "the address is not allowed"}, False),
        ({"type": f"{URN}unauthorized", "detail": "the tenant is suspended; see https://a.test/weab"}, False),
    ],
)
def test_words_about_an_external_account_are_known(document: dict[str, str], expected: bool) -> None:
    assert refused(document).names_binding is expected
