"""Other perspectives: the rule, the wire, and remotes that are dead, slow, wrong or lie."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from evercert.base.names import parse_identifier
from evercert.base.probe import CaaRecord, Page
from evercert.base.secret import Secret
from evercert.base.serving import Answer, Asked
from evercert.ca.validation import network
from evercert.ca.validation.caa import CaaMode, CaaRules, ToIssue
from evercert.ca.validation.claim import Validated
from evercert.ca.validation.perspective_app import Callers, PerspectiveApplication
from evercert.ca.validation.perspective_wire import CLAIM, MAX_BODY, ClaimQuestion, Verdict, digest_of
from evercert.ca.validation.perspectives import Perspectives, Remote, may_fail
from tests.ca.validation.given import ACCOUNT, NOW, THUMBPRINT, TOKEN, claim, reach
from tests.fakes.clock import FakeClock
from tests.fakes.validated_network import FakeNetwork

WORD = Secret("a word between us")
V4 = "198.41.0.4"
CLAIM_ = claim("http-01")
STEPS = CaaRules(CaaMode.STRICT, ("ca.example",))


def honest(*, sees: bool = True) -> PerspectiveApplication:
    """A perspective that sees what is there, or another answer at the same place."""
    page = Page(200, body=f"{TOKEN}.{THUMBPRINT}".encode()) if sees else Page(404)
    seen = FakeNetwork(names={"www.example.com": [V4]}, pages={V4: page})
    seen.records = {"com": [CaaRecord(0, "issue", "ca.example" if sees else ";")]}
    return PerspectiveApplication(reach(seen), Callers(WORD), FakeClock(NOW))


async def dead(asked: Asked) -> Answer:
    raise NetworkFailure("unreachable", "nobody is there")


async def silent(asked: Asked) -> Answer:
    await asyncio.Event().wait()
    return Answer(200)


def always(holds: bool, **more: Any) -> Any:
    """One that has its answer ready, whatever it is asked."""

    async def answer(asked: Asked) -> Answer:
        verdict = Verdict(digest_of(asked.body), holds, problem="" if holds else "dns")
        return Answer(200, msgspec.json.encode(msgspec.structs.replace(verdict, **more)))

    return answer


@dataclass
class Wires:
    """Keeps `base.message.Transport`: each remote's URL leads to its application."""

    applications: Mapping[str, Any]
    requests: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        name, _, path = request.url.removeprefix("https://").partition("/")
        headers = tuple((key.lower(), value) for key, value in request.headers.items())
        answer = await self.applications[name](Asked(request.method, f"/{path}", headers=headers, body=request.body))
        assert len(answer.body) <= request.max_body
        return Response(answer.status, answer.headers, answer.body, NOW)


def perspectives(*applications: Any, regions: tuple[str, ...] = (), **more: Any) -> Perspectives:
    named = {f"p{number}": application for number, application in enumerate(applications)}
    places = regions or ("",) * len(named)
    remotes = [Remote(name, f"https://{name}/", WORD, region) for name, region in zip(named, places, strict=True)]
    return Perspectives(remotes, Wires(named), **more)


async def refused(asking: Perspectives) -> Problem:
    with pytest.raises(Problem) as raised:
        await asking.confirm_claim(CLAIM_)
    return raised.value


@pytest.mark.parametrize(("remotes", "failures"), [(0, 0), (1, 0), (2, 1), (3, 1), (5, 1), (6, 2), (20, 2)])
def test_so_many_may_fail(remotes: int, failures: int) -> None:
    assert may_fail(remotes) == failures


async def test_all_that_see_it_confirm_it_and_it_is_written_down() -> None:
    asked: list[network.Asked] = []
    assert await perspectives(honest(), honest(), honest()).confirm_claim(CLAIM_, asked=asked) is None
    assert [each.came for each in asked if each.kind == "perspective"].count("confirms") >= 2
    assert any(each.at == f"p0: {V4}:80" for each in asked)


async def test_nobody_to_ask_is_agreement() -> None:
    await perspectives().confirm_claim(CLAIM_)
    validated = Validated(CLAIM_, until=NOW)
    assert await perspectives().agree(validated) == validated
    await perspectives().confirm_caa([ToIssue(parse_identifier("www.example.com"), "http-01")], ACCOUNT, STEPS)


async def test_caa_is_confirmed_from_elsewhere_too() -> None:
    wanted = [ToIssue(parse_identifier("www.example.com"), "http-01")]
    await perspectives(honest(), honest(), honest(sees=False)).confirm_caa(wanted, ACCOUNT, STEPS)
    with pytest.raises(Problem) as raised:
        await perspectives(honest(), honest(sees=False), honest(sees=False)).confirm_caa(wanted, ACCOUNT, STEPS)
    assert raised.value.type is ProblemType.CAA


@pytest.mark.parametrize("bad", [honest(sees=False), dead, always(False)])
async def test_one_of_three_may_fail_and_two_may_not(bad: Any) -> None:
    await perspectives(honest(), bad, honest()).confirm_claim(CLAIM_)
    await refused(perspectives(bad, honest(), bad))


async def test_the_only_one_may_not_fail() -> None:
    await perspectives(honest()).confirm_claim(CLAIM_)
    await refused(perspectives(honest(sees=False)))


async def test_a_problem_is_told_by_its_kind_in_words_of_ours() -> None:
    lying = always(False, problem="dns", asked=(network.Asked("http", "canary", "canary", "canary"),))
    problem = await refused(perspectives(lying, lying, honest()))
    assert problem.type is ProblemType.DNS
    assert "2 of its 3 perspectives" in problem.detail
    assert "canary" not in problem.detail
    assert (await refused(perspectives(dead, dead, honest()))).type is ProblemType.SERVER_INTERNAL
    odd = always(False, problem="rateLimited")
    assert (await refused(perspectives(odd, odd, honest()))).type is ProblemType.UNAUTHORIZED


@pytest.mark.parametrize(
    "wrong",
    [
        always(True, digest="another"),
        always(True, problem="dns"),
        always(True, until=NOW.replace(tzinfo=None)),
    ],
)
async def test_an_answer_that_does_not_agree_with_itself_or_the_question_is_none(wrong: Any) -> None:
    await refused(perspectives(wrong, wrong, honest()))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(401),
        Answer(302, headers=(("location", "https://p0/"),)),
        Answer(200),
        Answer(200, b"{}"),
        Answer(200, b"[" * 60_000),
        Answer(200, b'{"digest":"x","holds":"yes"}'),
        Answer(200, b"\xff"),
    ],
)
async def test_what_is_no_answer_counts_as_failed(answer: Answer) -> None:
    async def broken(asked: Asked) -> Answer:
        return answer

    await perspectives(broken, honest(), honest()).confirm_claim(CLAIM_)
    await refused(perspectives(broken, broken, honest()))


async def test_it_is_not_waited_for_whom_it_does_not_depend_on() -> None:
    await asyncio.wait_for(perspectives(silent, honest(), honest()).confirm_claim(CLAIM_), 5)
    async with asyncio.timeout(5):
        await refused(perspectives(silent, dead, dead))


async def test_who_is_silent_has_failed_in_the_end() -> None:
    async with asyncio.timeout(5):
        await refused(perspectives(silent, silent, honest(), patience=0.05))


async def test_those_that_agree_are_of_two_regions_where_regions_count() -> None:
    regions = ("ripe", "ripe", "arin")
    await perspectives(honest(), honest(), honest(), regions=regions).confirm_claim(CLAIM_)
    await perspectives(dead, honest(), honest(), regions=regions).confirm_claim(CLAIM_)
    await refused(perspectives(honest(), honest(), dead, regions=regions))


@pytest.mark.parametrize(
    "remotes",
    [
        [Remote("a", "https://a"), Remote("a", "https://b")],
        [Remote("a", "https://a", region="ripe"), Remote("b", "https://b", region="ripe")],
    ],
)
def test_remotes_that_are_no_others_are_refused(remotes: list[Remote]) -> None:
    with pytest.raises(EvercertError) as raised:
        Perspectives(remotes, Wires({}))
    assert raised.value.code.name == "bad-input"


async def test_the_proof_ends_when_the_first_of_them_says() -> None:
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    asking = perspectives(always(True, until=late), always(True, until=soon))
    # One of two is enough; what decides is who was heard.
    assert await asking.confirm_claim(CLAIM_) in {soon, late}
    assert await perspectives(always(True, until=soon)).confirm_claim(CLAIM_) == soon


@given(st.lists(st.booleans(), max_size=9))
async def test_the_rule_decides_and_nothing_else(honesty: list[bool]) -> None:
    asking = perspectives(*(always(each) for each in honesty))
    try:
        await asking.confirm_claim(CLAIM_)
        confirmed = True
    except Problem:
        confirmed = False
    assert confirmed is (honesty.count(False) <= may_fail(len(honesty)))


def question(**more: Any) -> bytes:
    return msgspec.json.encode(ClaimQuestion("nonce", replace(CLAIM_, **more)))


async def asked_for(body: bytes, *, application: Any = None, **how: Any) -> Answer:
    usual: dict[str, Any] = {"headers": (("authorization", f"Bearer {WORD.text()}"),), "body": body}
    answer: Answer = await (application or honest())(Asked("POST", CLAIM, **{**usual, **how}))
    return answer


async def test_a_perspective_answers_who_may_ask() -> None:
    verdict = msgspec.json.decode((await asked_for(question())).body, type=Verdict)
    assert (verdict.holds, verdict.problem, verdict.digest) == (True, "", digest_of(question()))


@pytest.mark.parametrize("word", ["", "Bearer", "Bearer ", "Bearer another", f"Basic {WORD.text()}", "Bearer \xff"])
async def test_nobody_else_is_answered(word: str) -> None:
    answer = await asked_for(question(), headers=(("authorization", word),))
    assert (answer.status, answer.body) == (401, b"")
    assert (await asked_for(question(), headers=(("authorization", word),), client_certificate=b"x")).status == 401


async def test_a_perspective_without_a_word_is_open_to_certificates_alone() -> None:
    seen = FakeNetwork(names={"www.example.com": [V4]})
    callers = Callers(certificates=frozenset({hashlib.sha256(b"ours").hexdigest()}))
    application = PerspectiveApplication(reach(seen), callers, FakeClock(NOW))
    how = {"application": application, "headers": (("authorization", "Bearer "),)}
    assert (await asked_for(question(), client_certificate=b"ours", **how)).status == 200
    assert (await asked_for(question(), client_certificate=b"others", **how)).status == 401
    assert (await asked_for(question(), **how)).status == 401


@pytest.mark.parametrize(
    ("body", "how", "status"),
    [
        (b"", {}, 400),
        (b"{}", {}, 400),
        (b"[" * 60_000, {}, 400),
        (question().replace(b'"dns"', b'"ip"'), {}, 400),
        (question().replace(b"www.example.com", b"WWW.example.com"), {}, 400),
        (question().replace(b"www.example.com", b"x.127.0.0.1"), {}, 400),
        (question(), {"path": "/v2/claim"}, 400),
        (b" " * (MAX_BODY + 1), {}, 413),
    ],
)
async def test_what_is_no_question_is_refused(body: bytes, how: dict[str, Any], status: int) -> None:
    asked = Asked("POST", CLAIM, headers=(("authorization", f"Bearer {WORD.text()}"),), body=body)
    assert (await honest()(replace(asked, **how))).status == status


async def test_a_question_by_another_method_is_refused() -> None:
    asked = Asked("GET", CLAIM, headers=(("authorization", f"Bearer {WORD.text()}"),))
    assert (await honest()(asked)).status == 405


async def test_a_perspective_has_a_network_policy_of_its_own() -> None:
    seen = FakeNetwork(names={"www.example.com": ["10.0.0.1"]})
    application = PerspectiveApplication(reach(seen), Callers(WORD), FakeClock(NOW))
    verdict = msgspec.json.decode((await asked_for(question(), application=application)).body, type=Verdict)
    assert (verdict.holds, verdict.problem, seen.dialled) == (False, "connection", [])


async def test_a_busy_perspective_says_so() -> None:
    application = honest()
    busy = PerspectiveApplication(reach(FakeNetwork()), Callers(WORD), FakeClock(NOW), at_once=0)
    assert (await asked_for(question(), application=application)).status == 200
    assert (await asked_for(question(), application=busy)).status == 503


@given(st.binary(max_size=300))
async def test_any_octets_are_answered(body: bytes) -> None:
    assert (await asked_for(body)).status == 400
