"""A program and an endpoint, both real: what they are given, and what counts as taken."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from evercert.base.secret import Secret
from evercert.host.programs import SystemPrograms
from evercert.model.hook import Hook
from evercert.net.dns import DnsResolver
from evercert.net.http import HttpSettings, HttpTransport
from evercert.notify.delivery import Delivery
from evercert.notify.telling import hand_over
from evercert.plugins.contracts import Ports
from tests.fakes.clock import FakeClock
from tests.fakes.receiver import Receiver
from tests.fakes.transport import FakeTransport

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw=="
EVENT = Delivery("evercert-7-00ff", 7, "deployed", "www", b'{"id":7,"kind":"deployed","certificate":"www"}', 3)


@pytest.fixture
async def ports() -> AsyncIterator[Ports]:
    clock = FakeClock()
    transport = HttpTransport(HttpSettings(), clock)
    yield Ports(transport, DnsResolver(), SystemPrograms(), clock)
    await transport.close()


@pytest.fixture
async def receiver(ports: Ports) -> AsyncIterator[Receiver]:
    async with Receiver(SECRET, lambda: ports.clock.now().timestamp()) as opened:
        yield opened


def webhook(receiver: Receiver, **changes: Any) -> Hook:
    hook = Hook("pager", ("*",), url=receiver.url, secret="env:PAGER", allow_http=True)
    return replace_hook(hook, **changes)


def replace_hook(hook: Hook, **changes: Any) -> Hook:
    return Hook(**{field: changes.get(field, getattr(hook, field)) for field in hook.__struct_fields__})


def found(reference: str) -> Secret:
    assert reference == "env:PAGER"
    return Secret(SECRET)


def program(folder: Path, text: str, *arguments: str, timeout: float = 10) -> Hook:
    path = folder / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Hook("page", ("*",), program=(str(path), *arguments), timeout=timeout)


async def test_an_endpoint_gets_the_event_signed_and_numbered(ports: Ports, receiver: Receiver) -> None:
    await hand_over(webhook(receiver), EVENT, ports, found)
    [(headers, body)] = receiver.requests
    assert body == EVENT.body
    assert (headers["webhook-id"], headers["evercert-attempt"]) == ("evercert-7-00ff", "3")
    assert headers["content-type"] == "application/json"
    assert receiver.taken == [{"id": 7, "kind": "deployed", "certificate": "www"}]


@pytest.mark.parametrize(
    ("status", "words"),
    [(301, "no redirect is followed"), (404, "refuses the event"), (401, "refuses"), (429, "429"), (500, "500")],
)
async def test_what_is_no_success_was_not_taken(ports: Ports, receiver: Receiver, status: int, words: str) -> None:
    receiver.answers, receiver.headers = [status], ("Retry-After: 90", "Location: /elsewhere")
    with pytest.raises(EvercertError, match=words) as caught:
        await hand_over(webhook(receiver), EVENT, ports, found)
    assert caught.value.code.name == "hook"
    assert "no-secret" not in f"{caught.value} {caught.value.hint}"
    assert len(receiver.requests) == 1
    assert (caught.value.after is not None) == (status in (429, 500))


async def test_no_answer_is_waited_for_as_long_as_is_said(ports: Ports, receiver: Receiver) -> None:
    receiver.answers = [None]
    with pytest.raises(EvercertError, match=r"did not answer within 0\.2 seconds"):
        await hand_over(webhook(receiver, timeout=0.2), EVENT, ports, found)


async def test_nobody_there_is_a_failure_like_others(ports: Ports, receiver: Receiver) -> None:
    with pytest.raises(EvercertError) as caught:
        await hand_over(webhook(receiver, url="http://127.0.0.1:1/"), EVENT, ports, found)
    assert caught.value.code.name == "hook"


async def test_who_is_not_trusted_is_told_with_what_can_be_done_about_that(ports: Ports, receiver: Receiver) -> None:
    def distrusted(request: Request) -> Response:
        raise NetworkFailure("tls", "the certificate is not trusted", hint="give its root with --ca-roots FILE")

    with pytest.raises(EvercertError, match="not trusted") as caught:
        await hand_over(webhook(receiver), EVENT, replace(ports, http=FakeTransport(distrusted)), found)
    assert caught.value.code.name == "hook"
    assert "trust its root" in caught.value.hint
    assert "--ca-roots" not in caught.value.hint


async def test_without_tls_it_is_posted_only_where_that_was_allowed(ports: Ports, receiver: Receiver) -> None:
    with pytest.raises(EvercertError, match="https"):
        await hand_over(webhook(receiver, allow_http=False), EVENT, ports, found)
    assert receiver.requests == []


async def test_a_program_gets_the_event_and_nothing_of_our_environment(
    ports: Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERCERT_DATABASE", "postgresql://me:hunter2@db/x")
    hook = program(
        tmp_path, f'cat > {tmp_path}/in; env > {tmp_path}/env; echo "$1" > {tmp_path}/argument', "$(id); `id`"
    )
    await hand_over(hook, EVENT, ports, found)
    assert json.loads((tmp_path / "in").read_text())["id"] == 7
    assert (tmp_path / "argument").read_text() == "$(id); `id`\n"
    lines = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    ours = {name: value for name, value in lines.items() if name.startswith("EVERCERT_")}
    assert ours == {
        "EVERCERT_EVENT_ID": "7",
        "EVERCERT_EVENT_KIND": "deployed",
        "EVERCERT_EVENT_CERTIFICATE": "www",
        "EVERCERT_EVENT_ATTEMPT": "3",
    }
    assert lines.keys() - ours.keys() <= {"PATH", "LC_ALL", "HOME", "PWD", "OLDPWD", "SHLVL", "_"}


async def test_a_program_that_fails_says_why(ports: Ports, tmp_path: Path) -> None:
    with pytest.raises(EvercertError, match="ended with status 3: no such channel") as caught:
        await hand_over(program(tmp_path, "echo no such channel >&2; exit 3"), EVENT, ports, found)
    assert caught.value.code.name == "hook"
    with pytest.raises(EvercertError, match="cannot be started"):
        await hand_over(Hook("h", ("*",), program=(str(tmp_path / "nowhere"),)), EVENT, ports, found)


async def test_a_program_that_does_not_end_is_ended(ports: Ports, tmp_path: Path) -> None:
    began = SystemClock().monotonic()
    with pytest.raises(EvercertError, match=r"did not end within 0\.3 seconds"):
        await hand_over(program(tmp_path, "sleep 60", timeout=0.3), EVENT, ports, found)
    assert SystemClock().monotonic() - began < 20
