"""A JSON API that is busy, broken, hostile or clear."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from evercert.base.errors import EvercertError, NetworkFailure, Retry
from evercert.base.message import Request, Response
from evercert.plugins.rest import Rest
from tests.fakes.clock import FakeClock
from tests.fakes.transport import FakeTransport

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def reply(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Response:
    return Response(status, headers, body, NOW)


def rest(*answers: Response | NetworkFailure, clock: FakeClock | None = None) -> tuple[Rest, FakeTransport]:
    left: Iterator[Response | NetworkFailure] = iter(answers)

    def answer(request: Request) -> Response:
        each = next(left)
        if isinstance(each, NetworkFailure):
            raise each
        return each

    web = FakeTransport(answer)
    headers = {"authorization": "Bearer hunter2"}
    explain = lambda body: body["message"]  # noqa: E731 - as a provider passes it
    return Rest("box", "https://api.test/v1/", web, clock or FakeClock(), headers=headers, explain=explain), web


async def test_a_call_goes_to_its_path_with_json_and_the_credentials() -> None:
    api, web = rest(reply(200, b'{"id": 1}'))
    assert await api.call("POST", "/records", {"name": "ü"}) == {"id": 1}
    (request,) = web.requests
    assert (request.method, request.url) == ("POST", "https://api.test/v1/records")
    assert request.headers["content-type"] == "application/json"
    assert request.body == '{"name":"ü"}'.encode()


async def test_a_query_is_encoded() -> None:
    api, web = rest(reply(200, b"[]"))
    await api.get("/zones", name="a b&c")
    assert web.requests[0].url == "https://api.test/v1/zones?name=a+b%26c"


async def test_an_empty_answer_is_none_and_so_is_a_missing_thing_that_may_be() -> None:
    api, _ = rest(reply(204), reply(404, b'{"message": "gone"}'))
    assert await api.call("DELETE", "/records/1") is None
    assert await api.call("DELETE", "/records/1", missing_ok=True) is None


async def test_a_busy_api_is_waited_for_as_long_as_it_asks() -> None:
    clock = FakeClock()
    api, _ = rest(reply(429, b"", ("retry-after", "7")), reply(503), reply(200, b"1"), clock=clock)
    assert await api.get("/") == 1
    assert clock.slept == [7.0, 2.0]


async def test_an_api_that_asks_for_an_hour_is_not_waited_for_but_told() -> None:
    clock = FakeClock()
    api, _ = rest(reply(429, b'{"message": "slow down"}', ("retry-after", "3600")), clock=clock)
    with pytest.raises(EvercertError, match="answered 429: slow down") as caught:
        await api.get("/")
    assert clock.slept == []
    assert caught.value.after is not None
    assert caught.value.after.total_seconds() == 3600


async def test_a_network_that_fails_is_tried_again_and_then_told() -> None:
    api, web = rest(NetworkFailure("unreachable", "no"), reply(200, b"1"))
    assert await api.get("/") == 1
    api, web = rest(*(NetworkFailure("unreachable", "no") for _ in range(9)))
    with pytest.raises(NetworkFailure, match="box: no"):
        await api.get("/")
    assert len(web.requests) == 4


@pytest.mark.parametrize(
    ("status", "retry"), [(401, Retry.NEVER), (403, Retry.NEVER), (400, Retry.LATER), (500, Retry.LATER)]
)
async def test_refused_credentials_are_not_tried_again(status: int, retry: Retry) -> None:
    api, _ = rest(reply(status, b'{"message": "no\\u001b[2J\\nway"}'))
    with pytest.raises(EvercertError, match=rf"answered {status}: no \[2J way") as caught:
        await api.get("/")
    assert caught.value.retry is retry
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


async def test_an_answer_that_is_not_json_is_told() -> None:
    api, _ = rest(reply(200, b"<html>"), reply(200, b"[" * 200_000))
    for _ in range(2):
        with pytest.raises(EvercertError, match="not JSON"):
            await api.get("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.test",
        "ftp://api.test",
        "https://",
        "https://user:hunter2@api.test",
        "https://a/?b",
        "https://[::1:8081",
    ],
)
def test_an_address_that_cannot_be_an_apis_is_refused(url: str) -> None:
    with pytest.raises(EvercertError, match="not the URL of an API") as caught:
        Rest("box", url, FakeTransport(lambda request: reply(200)), FakeClock())
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
