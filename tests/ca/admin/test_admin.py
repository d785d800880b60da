"""The admin API: the same powers as the command line, for those who have shown who they are, and every act audited."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from hashlib import sha256
from random import Random
from urllib.parse import quote, urlencode

import pytest

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.admin.application import AdminApplication
from evercert.ca.admin.callers import Callers
from evercert.ca.admin.desk import AdminDesk
from evercert.ca.admin.table import OPERATIONS
from evercert.ca.node.private import AdminClient, AdminSettings, check_admin
from evercert.ca.operating import auditing
from evercert.ca.operating.office import Office
from evercert.ca.operating.tokens import hand_out_token, take_token_back
from evercert.ca.store import pauses
from evercert.ca.store.schema import queries
from evercert.pki.cert import read_certificate
from tests.ca.admin.caller import AdminCaller
from tests.ca.given import World
from tests.ca.protocol.test_certificates import issued
from tests.ca.protocol.wire import Wire, kind_of


def desk_of(world: World, office: Office) -> AdminDesk:
    return AdminDesk(office, world.node.desk.issuers, world.node.status.maker)


async def test_certificates_are_found_page_by_page_shown_and_revoked(
    world: World, wire: Wire, admin: AdminCaller
) -> None:
    serials = [read_certificate(await issued(world, wire, f"n{number}.test")).serial for number in range(5)]
    found, cursor = [], ""
    while True:
        page = await admin.get(f"/v1/certificates?limit=2&before={cursor}")
        found += [each["serial"] for each in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(found) == sorted(serials)
    assert len(set(found)) == 5
    (one,) = (await admin.get("/v1/certificates?name=n3.test&state=valid"))["items"]
    shown = await admin.get(f"/v1/certificates/{one['serial']}")
    assert shown["pem"].startswith("-----BEGIN CERTIFICATE-----")
    revoked = await admin.post(f"/v1/certificates/{one['serial']}/revocation", {"reason": 1})
    assert (revoked["state"], revoked["reason"]) == ("revoked", 1)
    again = await admin.refused("POST", f"/v1/certificates/{one['serial']}/revocation", {"reason": 1})
    assert again == (409, "conflict")
    assert await admin.refused("GET", "/v1/certificates/abcdef012345") == (404, "not-found")


async def test_an_account_is_ended_for_ever(world: World, wire: Wire, admin: AdminCaller) -> None:
    await wire.register()
    (account,) = (await admin.get("/v1/accounts"))["items"]
    assert (await admin.get(f"/v1/accounts/{account['id']}")) == account
    assert (await admin.post(f"/v1/accounts/{account['id']}/end"))["status"] == "revoked"
    assert kind_of(await wire.order("www.test")) == "unauthorized"
    assert await admin.refused("POST", f"/v1/accounts/{account['id']}/end") == (409, "conflict")
    assert await admin.refused("GET", "/v1/accounts/1") == (404, "not-found")
    assert await admin.refused("GET", "/v1/accounts/x") == (400, "bad-input")


async def test_external_accounts_are_handed_out_and_taken_back(admin: AdminCaller) -> None:
    wanted = {"label": "builders", "names": [".corp.test"], "authorizes": True, "expires": "9d"}
    out = await admin.post("/v1/eab", wanted)
    (shown,) = (await admin.get("/v1/eab"))["items"]
    assert (shown["kid"], shown["label"], shown["in_use"]) == (out["kid"], "builders", True)
    assert out["hmac_key"] not in json.dumps(shown)
    await admin.delete(f"/v1/eab/{out['kid']}")
    assert await admin.refused("DELETE", f"/v1/eab/{out['kid']}") == (404, "not-found")
    assert await admin.refused("POST", "/v1/eab", {"authorizes": True}) == (400, "bad-input")


async def test_an_incident_is_declared_and_closed(world: World, wire: Wire, admin: AdminCaller) -> None:
    await issued(world, wire, "www.test")
    why = "https://status.test/1"
    assert await admin.post("/v1/incidents", {"explanation": why, "within": "12h", "name": "*.test"}) == {
        "certificates": 1
    }
    assert (await admin.get("/v1/incidents"))["items"][0]["explanation"] == why
    assert await admin.post("/v1/incidents/end", {"explanation": why}) == {"certificates": 1}
    assert await admin.refused("POST", "/v1/incidents", {"explanation": why, "within": "1h"}) == (400, "bad-input")


async def test_profiles_issuers_figures_and_the_audit_are_shown(world: World, wire: Wire, admin: AdminCaller) -> None:
    await issued(world, wire, "www.test")
    assert "default" in {each["name"] for each in (await admin.get("/v1/profiles"))["items"]}
    assert [each["active"] for each in (await admin.get("/v1/issuers"))["items"]] == [True]
    assert (await admin.get("/v1/stats"))["accounts"] == {"valid": 1}
    first = await admin.get("/v1/audit?limit=1")
    second = await admin.get(f"/v1/audit?limit=1&before={first['next']}")
    assert first["items"][0]["id"] == second["items"][0]["id"] + 1
    proved = await admin.post("/v1/audit/proof", {})
    assert proved["id"] == first["items"][0]["id"]
    assert await admin.refused("POST", "/v1/audit/proof", {"id": 1, "hash": "0"}) == (503, "store")


async def test_every_act_is_in_the_audit_with_who_did_it(
    world: World, wire: Wire, admin: AdminCaller, office: Office
) -> None:
    serial = read_certificate(await issued(world, wire, "www.test")).serial
    out = await admin.post("/v1/eab", {})
    await admin.delete(f"/v1/eab/{out['kid']}")
    await admin.post("/v1/incidents", {"explanation": "https://s.test/", "within": "12h", "name": "*"})
    await admin.post("/v1/incidents/end", {"explanation": "https://s.test/"})
    await admin.post(f"/v1/certificates/{serial}/revocation", {})
    (account,) = (await admin.get("/v1/accounts"))["items"]
    await admin.post(f"/v1/accounts/{account['id']}/end")
    done = [each.body["by"] for each in await auditing.latest(office.db, 6)]
    assert len(done) == 6
    assert all("token alice (" in by for by in done)


async def test_a_token_is_good_until_it_ends_or_is_taken_back(
    world: World, application: AdminApplication, office: Office
) -> None:
    _, words = await hand_out_token(office, "bob", "read", world.clock.now() + timedelta(days=1))
    caller = AdminCaller(application, words)
    assert await caller.get("/v1/profiles")
    assert await caller.refused("POST", "/v1/eab", {}) == (403, "not-allowed")
    assert await caller.post("/v1/audit/proof", {})
    forged = Secret(words.text()[:-1] + ("A" if words.text()[-1] != "A" else "B"))
    for wrong in (
        forged,
        Secret("x"),
        Secret(""),
        Secret("evercert_ca_" + "A" * 12 + "." + "A" * 43),
        Secret("é" * 40),
    ):
        assert await AdminCaller(application, wrong).refused("GET", "/v1/profiles") == (401, "not-allowed")
    world.clock.advance(timedelta(days=2))
    assert await caller.refused("GET", "/v1/profiles") == (401, "not-allowed")
    other, words = await hand_out_token(office, "bob", "read")
    await take_token_back(office, other.id)
    assert await AdminCaller(application, words).refused("GET", "/v1/profiles") == (401, "not-allowed")
    with pytest.raises(EvercertError, match="no token"):
        await take_token_back(office, other.id)
    kept = await office.db.rows(queries("tokens")["tokens"](limit=9))
    assert words.text().rpartition(".")[2] not in str(kept)


async def test_whoever_is_not_known_learns_nothing(application: AdminApplication) -> None:
    nobody = AdminCaller(application)
    for path in ("/v1/profiles", "/openapi.json", "/nothing", "/v1/certificates/ab/revocation"):
        assert await nobody.refused("GET", path) == (401, "not-allowed")


async def test_a_certificate_of_this_ca_counts_where_it_is_named(world: World, wire: Wire, office: Office) -> None:
    ops, other = await issued(world, wire, "ops.corp.test"), await issued(world, wire, "www.corp.test")
    rules = (
        AdminClient(name="ops.corp.test", profile="default", role="operate"),
        AdminClient(name="www.corp.test", profile="shortlived"),
        AdminClient(fingerprint=sha256(ops).hexdigest().upper()),
    )

    def caller(der: bytes, *rules: AdminClient) -> AdminCaller:
        callers = Callers(office.db, world.clock, rules, takes_tokens=False)
        return AdminCaller(AdminApplication(lambda: desk_of(world, office), callers), None, der)

    assert (await caller(ops, *rules).post("/v1/eab", {}))["kid"]
    assert await caller(ops, rules[2]).refused("POST", "/v1/eab", {}) == (403, "not-allowed")
    assert await caller(other, *rules).refused("GET", "/v1/eab") == (401, "not-allowed")
    assert await caller(world.root, AdminClient(name="ops.corp.test")).refused("GET", "/v1/eab") == (401, "not-allowed")
    record = (await auditing.latest(office.db, 1))[0]
    assert record.body["by"] == f"certificate {read_certificate(ops).serial} (ops.corp.test)"
    _, words = await hand_out_token(office, "bob", "operate")
    shown = caller(ops, *rules)
    shown.token = words
    assert await shown.refused("GET", "/v1/eab") == (401, "not-allowed")
    await office.revoke(read_certificate(ops).serial, 0)
    assert await caller(ops, *rules).refused("GET", "/v1/eab") == (401, "not-allowed")


async def test_lists_are_made_at_once_and_shown(world: World, wire: Wire, admin: AdminCaller, office: Office) -> None:
    before = {each["issuer"]: each["number"] for each in (await admin.get("/v1/crls"))["items"]}
    serial = read_certificate(await issued(world, wire, "www.test")).serial
    await admin.post(f"/v1/certificates/{serial}/revocation", {})
    (made,) = (await admin.post("/v1/crls"))["items"]
    assert (made["entries"], made["number"] > before.get(made["issuer"], 0)) == (1, True)
    assert (await auditing.latest(office.db, 1))[0].kind == "lists made"


async def test_limits_are_shown_and_a_paused_name_is_let_go(world: World, wire: Wire, admin: AdminCaller) -> None:
    await wire.register()
    await wire.order("www.test")
    account = wire.kid.rpartition("/")[2]
    (bucket,) = (await admin.get(f"/v1/limits?about=orders-per-account%20{account}"))["items"]
    assert bucket["taken"] == 1
    db, now = world.node.desk.db, world.clock.now()
    await db.write(pauses.counted(int(account), "dead.test", 1, now))
    (paused,) = (await admin.get("/v1/pauses"))["items"]
    assert (paused["account"], paused["identifier"]) == (account, "dead.test")
    which = {"account": account, "identifier": "dead.test"}
    assert await admin.post("/v1/pauses/end", which) == {}
    assert await admin.refused("POST", "/v1/pauses/end", which) == (404, "not-found")


async def test_what_is_not_as_the_document_says_is_refused(admin: AdminCaller) -> None:
    assert await admin.refused("GET", "/v1/certificates?limit=0") == (400, "bad-input")
    assert await admin.refused("GET", "/v1/certificates?limit=100000") == (400, "bad-input")
    assert await admin.refused("GET", "/v1/certificates?nonsense=1") == (400, "bad-input")
    assert await admin.refused("GET", "/v1/certificates?before=x") == (400, "bad-input")
    many = "&".join(f"a{number}=1" for number in range(100))
    assert await admin.refused("GET", f"/v1/certificates?{many}") == (400, "bad-input")
    assert await admin.refused("POST", "/v1/eab", {"nonsense": 1}) == (400, "bad-input")
    assert await admin.refused("POST", "/v1/eab", {"label": "x" * 70_000}) == (413, "too-large")
    assert await admin.refused("PUT", "/v1/eab") == (405, "bad-input")
    assert await admin.refused("GET", "/v1/nothing") == (404, "not-found")
    assert (await admin.get("/v1/certificates?before=9223372036854775807.ff"))["items"] == []
    assert await admin.refused("GET", "/v1/certificates?name=a%00b") == (400, "bad-input")
    assert await admin.refused("DELETE", "/v1/eab/a%00b") == (400, "bad-input")
    assert await admin.refused("POST", "/v1/eab", {"label": "a\0b"}) == (400, "bad-input")
    assert await admin.refused("GET", f"/v1/accounts/{10**19 - 1}") == (404, "not-found")
    assert (await admin.raw("POST", "/v1/eab", b"{", "application/json")).status == 400
    assert (await admin.raw("POST", "/v1/eab", b"{}", "text/plain")).status == 400


async def test_the_document_says_everything_that_is_answered(admin: AdminCaller) -> None:
    told = await admin.get("/openapi.json")
    assert told["openapi"] == "3.1.0"
    assert {(path, method.upper()) for path, methods in told["paths"].items() for method in methods} == {
        (each.path, each.method) for each in OPERATIONS
    }
    names = [operation["operationId"] for methods in told["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    pointers = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(told)))
    assert pointers <= told["components"]["schemas"].keys()


@pytest.mark.parametrize(
    ("admin", "word"),
    [
        (AdminSettings(listen=("0.0.0.0:9443",)), "not for this machine alone"),
        (AdminSettings(listen=("0.0.0.0:9443",), clients=(AdminClient(name="a.test"),)), "not for this machine alone"),
        (AdminSettings(listen=("127.0.0.1:9443",), tokens=False), "nobody"),
        (AdminSettings(clients=(AdminClient(),)), "says nothing"),
    ],
)
def test_nobody_else_is_let_in_by_accident(admin: AdminSettings, word: str) -> None:
    with pytest.raises(EvercertError, match=word):
        check_admin(admin, has_tls=True)


def test_other_machines_are_let_in_with_certificates_or_when_it_is_said() -> None:
    clients = (AdminClient(name="a.test"),)
    check_admin(AdminSettings(listen=("0.0.0.0:9443",), clients=clients, tokens=False), has_tls=True)
    check_admin(AdminSettings(listen=("0.0.0.0:9443",), public=True), has_tls=True)
    with pytest.raises(EvercertError, match="not for this machine alone"):
        check_admin(AdminSettings(listen=("0.0.0.0:9443",), public=True), has_tls=False)


async def test_whatever_is_asked_is_answered_and_is_no_fault_of_ours(admin: AdminCaller) -> None:
    """Every operation with words, queries and bodies that nobody means, drawn from a seed."""
    drawn = Random(11)
    letters = "a1%./\\'\"{}[]:;é\u202e*_-\n "
    for _ in range(40):
        for operation in OPERATIONS:
            word = "".join(drawn.choices(letters, k=drawn.randrange(1, 12)))
            path = re.sub(r"\{\w+\}", quote(word, safe=""), operation.path)
            names = [*(operation.query.__struct_fields__ if operation.query else ()), "x"]
            query = urlencode({drawn.choice(names): drawn.choice([word, "-1", "1e9", str(2**70), ""])})
            fields = [*(operation.body.__struct_fields__ if operation.body else ()), "x"]
            value = drawn.choice([word, -1, 2**70, None, [word], {}, True, 0.5])
            body = drawn.choice([json.dumps({drawn.choice(fields): value}).encode(), b"[", b"\xff", b"", b"null"])
            answer = await admin.raw(operation.method, f"{path}?{query}", body)
            assert answer.status < 500, (operation.name, path, query, body, answer)
