"""Providers over their documented contracts: Cloudflare, acme-dns, webhook, exec, manual; and dns-lexicon's list."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from evercert.base.errors import EvercertError, Retry
from evercert.base.message import Request, Response
from evercert.base.program import Completed
from evercert.plugins import registry
from evercert.plugins.info import PluginKind
from evercert.solve.dns.lexicon import lexicon_fields, lexicon_providers
from tests.fakes.acmedns import FakeAcmeDns
from tests.fakes.clock import FakeClock
from tests.fakes.cloudflare import FakeCloudflare
from tests.fakes.programs import FakePrograms
from tests.fakes.transport import FakeTransport
from tests.solve.given import ports, provider

NAME = "_acme-challenge.example.test"
VALUE = "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM"


def cloudflare(api: FakeCloudflare, clock: FakeClock | None = None, **values: str) -> Any:
    return provider("cloudflare", values, ports(http=api, clock=clock), EVERCERT_CLOUDFLARE_API_TOKEN="token\n")


async def test_cloudflare_keeps_both_values_of_a_name_and_takes_each_away_by_its_id() -> None:
    api = FakeCloudflare(zones={"example.test": "z1"})
    writer = cloudflare(api)
    apex = await writer.add_txt("example.test", NAME, "apex", 30)
    wildcard = await writer.add_txt("example.test", NAME, "wildcard", 30)
    assert api.contents(NAME) == ['"apex"', '"wildcard"']
    await writer.remove_txt("example.test", NAME, "apex", apex)
    assert api.contents(NAME) == ['"wildcard"']
    await writer.remove_txt("example.test", NAME, "wildcard", wildcard)
    await writer.remove_txt("example.test", NAME, "wildcard", wildcard)
    assert api.contents(NAME) == []


async def test_cloudflare_finds_the_record_again_where_its_id_was_lost() -> None:
    api = FakeCloudflare(zones={"example.test": "z1"})
    first = await cloudflare(api).add_txt("example.test", NAME, "value", 60)
    assert await cloudflare(api).add_txt("example.test", NAME, "value", 60) == first
    await cloudflare(api).remove_txt("example.test", NAME, "value", "")
    assert api.contents(NAME) == []


async def test_cloudflare_asks_for_the_zone_once_and_not_at_all_where_its_id_is_given() -> None:
    api = FakeCloudflare(zones={"example.test": "z1"})
    writer = cloudflare(api)
    for value in ("one", "two"):
        await writer.add_txt("example.test", NAME, value, 60)
    assert api.calls.count("GET /zones") == 1
    await cloudflare(api, zone_id="z1").add_txt("example.test", NAME, "three", 60)
    assert api.calls.count("GET /zones") == 1


async def test_cloudflare_waits_as_long_as_it_is_asked_to() -> None:
    api, clock = FakeCloudflare(zones={"example.test": "z1"}, busy=2), FakeClock()
    await cloudflare(api, clock).add_txt("example.test", NAME, "value", 60)
    assert clock.slept == [2.0, 2.0]
    assert api.contents(NAME) == ['"value"']


async def test_cloudflare_refusing_the_token_is_told_in_its_words_and_not_tried_again() -> None:
    with pytest.raises(EvercertError, match=r"answered 403: Authentication error \(10000\)") as caught:
        await cloudflare(FakeCloudflare(token="another")).add_txt("example.test", NAME, "value", 60)
    assert caught.value.retry is Retry.NEVER
    assert "may they change this zone" in caught.value.hint


async def test_cloudflare_without_the_zone_says_what_the_token_lacks() -> None:
    with pytest.raises(EvercertError, match="sees no zone") as caught:
        await cloudflare(FakeCloudflare()).add_txt("example.test", NAME, "value", 60)
    assert "Zone:DNS:Edit" in caught.value.hint


async def test_acmedns_writes_with_the_registration_that_the_alias_points_to() -> None:
    api = FakeAcmeDns(accounts={"sub1": ("user1", "pass1"), "sub2": ("user2", "pass2")})
    accounts = {
        "example.test": {"username": "user1", "password": "pass1", "subdomain": "sub1", "fulldomain": "sub1.auth.test"},
        "other.test": {"username": "user2", "password": "pass2", "subdomain": "sub2", "allowfrom": []},
    }
    given = ports(http=api)
    writer = provider("acmedns", {"url": "https://auth.test"}, given, EVERCERT_ACMEDNS_ACCOUNTS=json.dumps(accounts))
    await writer.add_txt("auth.test", "sub2.auth.test", VALUE, 60)
    await writer.add_txt("auth.test", "sub2.auth.test", VALUE[::-1], 60)
    assert api.values == {"sub2": [VALUE, VALUE[::-1]]}
    await writer.remove_txt("auth.test", "sub2.auth.test", VALUE, "")


async def test_acmedns_without_an_alias_says_that_a_cname_is_missing() -> None:
    environ = {"EVERCERT_ACMEDNS_USERNAME": "user", "EVERCERT_ACMEDNS_PASSWORD": "pass"}
    values = {"url": "https://auth.test", "subdomain": "sub1"}
    writer = provider("acmedns", values, ports(http=FakeAcmeDns()), **environ)
    with pytest.raises(EvercertError) as caught:
        await writer.add_txt("example.test", NAME, VALUE, 60)
    assert "CNAME" in caught.value.hint
    with pytest.raises(EvercertError, match="401: forbidden"):
        await writer.add_txt("auth.test", "sub1.auth.test", VALUE, 60)


async def test_a_webhook_gets_what_legos_httpreq_sends_and_a_bearer_token() -> None:
    web = FakeTransport(lambda request: Response(200, (), b"", datetime(2026, 1, 1, tzinfo=UTC)))
    writer = provider("webhook", {"url": "https://hook.test/dns/"}, ports(http=web), EVERCERT_WEBHOOK_TOKEN="abc")
    await writer.add_txt("example.test", NAME, "value", 60)
    await writer.remove_txt("example.test", NAME, "value", "")
    assert [request.url for request in web.requests] == [
        "https://hook.test/dns/present",
        "https://hook.test/dns/cleanup",
    ]
    assert json.loads(web.requests[0].body).items() >= {"fqdn": f"{NAME}.", "value": "value"}.items()
    assert web.requests[0].headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b'{"other": 1}', b"null", b"\xff"])
async def test_a_service_that_fails_with_any_body_is_told_by_its_status(body: bytes) -> None:
    def refuse(request: Request) -> Response:
        return Response(500, (), body, datetime(2026, 1, 1, tzinfo=UTC))

    writer = provider("webhook", {"url": "https://hook.test"}, ports(http=FakeTransport(refuse)))
    with pytest.raises(EvercertError, match=r"its API answered 500$"):
        await writer.add_txt("example.test", NAME, "value", 60)


async def test_a_hook_program_is_run_without_a_shell_and_told_everything() -> None:
    programs = FakePrograms()
    writer = provider("exec", {"program": "/opt/hook"}, ports(programs=programs))
    await writer.add_txt("example.test", NAME, "-value; rm", 60)
    await writer.remove_txt("example.test", NAME, "-value; rm", "")
    (argv, env), (cleanup, _) = programs.runs
    assert argv == ["/opt/hook", "present", NAME, "-value; rm"]
    assert cleanup == ["/opt/hook", "cleanup", NAME, "-value; rm"]
    assert env == {
        "EVERCERT_ACTION": "present",
        "EVERCERT_ZONE": "example.test",
        "EVERCERT_NAME": NAME,
        "EVERCERT_VALUE": "-value; rm",
        "EVERCERT_TTL": "60",
    }


async def test_a_hook_program_that_fails_is_told_with_its_words_on_one_line() -> None:
    programs = FakePrograms(Completed(3, "no\x1b[31m such\nzone"))
    with pytest.raises(EvercertError, match=r"status 3: no \[31m such zone"):
        await provider("exec", {"program": "/opt/hook"}, ports(programs=programs)).add_txt(
            "example.test", NAME, "v", 60
        )


def test_a_hook_program_is_named_by_its_whole_path() -> None:
    with pytest.raises(EvercertError, match="not an absolute path"):
        provider("exec", {"program": "hook"}, ports())


async def test_manual_says_the_record_to_set(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await provider("manual", {}, ports()).add_txt("example.test", NAME, "value", 60)
    assert f'{NAME}. 60 IN TXT "value"' in caplog.text


@pytest.mark.parametrize("name", lexicon_providers())
def test_every_provider_of_lexicon_says_its_fields_and_which_are_secret(name: str) -> None:
    fields = lexicon_fields({"provider": name})
    assert all(field.secret for field in fields if "password" in field.name or field.name.endswith("token"))


def test_a_field_that_the_chosen_lexicon_provider_does_not_have_is_refused() -> None:
    with pytest.raises(EvercertError, match="no field 'auth_tokn'") as caught:
        provider("lexicon", {"provider": "digitalocean", "auth_tokn": "x"}, ports())
    assert "auth_token" in caught.value.hint


def test_an_unknown_lexicon_provider_is_refused_with_what_was_meant() -> None:
    with pytest.raises(EvercertError) as caught:
        provider("lexicon", {"provider": "digitalocan"}, ports())
    assert "digitalocean" in caught.value.hint


def test_providers_that_read_change_and_write_back_are_asked_for_one_change_of_a_zone_at_a_time() -> None:
    overlapping = {name for name, plugin in registry.dns_providers().items() if plugin.record_by_record}
    assert overlapping == {"acmedns", "cloudflare", "rfc2136", "webhook"}


@pytest.mark.parametrize("name", registry.names(PluginKind.DNS))
def test_every_built_in_provider_has_a_header_of_its_own_name(name: str) -> None:
    info = registry.load(PluginKind.DNS, name).info
    assert (info.name, info.kind) == (name, PluginKind.DNS)
    assert all(field.help for field in info.fields)
