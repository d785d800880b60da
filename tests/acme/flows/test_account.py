from __future__ import annotations

from typing import Any

from evercert.acme.flows.account import (
    account,
    deactivate_account,
    new_account,
    roll_over,
    standing,
    update_account,
)
from evercert.acme.jose import ExternalAccount, b64url, unb64url
from evercert.acme.problem import ProblemType
from evercert.base.errors import NetworkFailure
from evercert.base.message import Response
from evercert.base.secret import Secret
from tests.acme.play import (
    ACCOUNT_URL,
    DIRECTORY,
    StubSigner,
    fails,
    play,
    post,
    refuse,
    reply,
    returns,
    session,
    sleeps,
    spoken,
)

NEW, ROLL = DIRECTORY["newAccount"], DIRECTORY["keyChange"]
VALID = {"status": "valid", "contact": ["mailto:a@example.com"]}
LOST = NetworkFailure("timeout", "no answer")


def test_a_key_gets_its_account_and_the_session_speaks_for_it() -> None:
    it = session(account=False)
    asked = {"contact": ["mailto:a@example.com", "tel:+1"], "termsOfServiceAgreed": True}
    (
        play(new_account(it, ["a@example.com", "tel:+1"], terms_agreed=True))
        << post(NEW, asked, by="old")
        >> reply(VALID, 201, location="/acct/1")
        << returns(lambda known: known.url == ACCOUNT_URL)
    )
    assert it.account_url == ACCOUNT_URL


def test_a_lost_new_account_is_asked_again() -> None:
    it = session(account=False, nonces=2)
    again = play(new_account(it)) << post(NEW, {}) >> LOST << sleeps() << post(NEW, {})
    again >> reply(VALID, 200, location=ACCOUNT_URL) << returns()


def test_an_account_is_found_by_its_key_alone() -> None:
    it = session(account=False)
    missing = refuse(ProblemType.ACCOUNT_DOES_NOT_EXIST)
    asked = play(new_account(it, only_return_existing=True)) << post(NEW, {"onlyReturnExisting": True})
    asked >> missing << fails("acme", ProblemType.ACCOUNT_DOES_NOT_EXIST)
    assert it.account_url == ""


def test_a_deactivated_account_is_of_no_use() -> None:
    it = session(account=False)
    told = play(new_account(it)) << post(NEW)
    told >> reply({"status": "deactivated"}, location=ACCOUNT_URL) << fails("ca-refused", words="deactivated")


def test_an_external_account_is_bound_to_the_new_key() -> None:
    bound: list[dict[str, object]] = []

    class Binding(type(post(NEW))):  # type: ignore[misc]
        def check(self, step: object) -> None:
            super().check(step)
            bound.append(spoken(step)["payload"]["externalAccountBinding"])  # type: ignore[arg-type]

    eab = ExternalAccount("kid-1", Secret(b64url(b"key")))
    told = play(new_account(session(account=False), eab=eab)) << Binding(NEW)
    told >> reply(VALID, 201, location=ACCOUNT_URL) << returns()
    assert unb64url(str(bound[0]["payload"])).startswith(b'{"crv":"P-256"')


def test_an_account_is_shown_updated_and_deactivated() -> None:
    it = session()
    play(account(it)) << post(ACCOUNT_URL, None) >> reply(VALID) << returns()
    changed = play(update_account(it, ["b@example.com"])) << post(ACCOUNT_URL, {"contact": ["mailto:b@example.com"]})
    changed >> reply(VALID) << returns()
    gone = play(deactivate_account(it)) << post(ACCOUNT_URL, {"status": "deactivated"})
    gone >> reply({"status": "deactivated"}) << returns(lambda known: known.status == "deactivated")


def refused_by_its_key(answer: Response | NetworkFailure) -> Any:
    """The account was not allowed to be read, and that is the answer to the question after its key."""
    asked = play(standing(session(nonces=3), StubSigner("new"))) << post(ACCOUNT_URL, None)
    refused = asked >> refuse(ProblemType.UNAUTHORIZED) << post(NEW, {"onlyReturnExisting": True}, by="old")
    return refused >> answer


def test_an_account_that_is_shown_stands_as_it_is_shown() -> None:
    for status in ("valid", "revoked"):
        shown = play(standing(session(), StubSigner("new"))) << post(ACCOUNT_URL, None) >> reply({"status": status})
        shown << returns(status)


def test_one_that_is_not_allowed_to_be_read_is_asked_for_by_its_key() -> None:
    """RFC 8555 §7.3.6: what a deactivated account asks is `unauthorized`; CAs differ in what they say of its key."""
    for answer, status in (
        (reply({"status": "deactivated"}, location=ACCOUNT_URL), "deactivated"),
        (refuse(ProblemType.ACCOUNT_DOES_NOT_EXIST), ""),
        (reply(VALID, location=ACCOUNT_URL), "valid"),
    ):
        refused_by_its_key(answer) << returns(status)


def test_one_that_is_unauthorized_is_deactivated_where_a_stranger_is_told_something_else() -> None:
    unauthorized = refuse(ProblemType.UNAUTHORIZED, "the key's account is deactivated", 401)
    asked = refused_by_its_key(unauthorized) << post(NEW, {"onlyReturnExisting": True}, by="new")
    asked >> refuse(ProblemType.ACCOUNT_DOES_NOT_EXIST) << returns("deactivated")


def test_a_ca_that_refuses_everybody_says_nothing_of_an_account() -> None:
    for answer in (
        refuse(ProblemType.UNAUTHORIZED, "the tenant is suspended"),
        refuse(ProblemType.EXTERNAL_ACCOUNT_REQUIRED),
        reply(b"<h1>Forbidden</h1>", 403),
        reply(VALID, location="/acct/2"),
    ):
        asked = refused_by_its_key(refuse(ProblemType.UNAUTHORIZED, "the tenant is suspended"))
        told = asked << post(NEW, {"onlyReturnExisting": True}, by="new") >> answer
        told << fails("acme", ProblemType.UNAUTHORIZED, words="the tenant is suspended")


def test_what_is_no_word_of_the_ca_says_nothing_of_an_account() -> None:
    told = play(standing(session(), StubSigner("new"))) << post(ACCOUNT_URL, None)
    told >> reply(b"<h1>Forbidden</h1>", 403) << fails("acme", ProblemType.UNAUTHORIZED)
    refused_by_its_key(reply(b"<h1>Forbidden</h1>", 403)) << fails("acme", ProblemType.UNAUTHORIZED)


def test_all_contacts_can_be_taken_away() -> None:
    play(update_account(session(), [])) << post(ACCOUNT_URL, {"contact": []}) >> reply(VALID) << returns()


def test_a_rolled_key_signs_what_comes_next() -> None:
    it = session()
    rolled = play(roll_over(it, StubSigner("new"))) << post(ROLL, by="old")
    rolled >> reply(VALID) << post(ACCOUNT_URL, None, by="new") >> reply(VALID) << returns()
    assert it.signer.jwk["x"] == "new"


def test_a_refused_rollover_leaves_the_old_key() -> None:
    it = session()
    refused = play(roll_over(it, StubSigner("new"))) << post(ROLL) >> refuse(ProblemType.BAD_PUBLIC_KEY)
    refused << fails("ca-refused", ProblemType.BAD_PUBLIC_KEY)
    assert it.signer.jwk["x"] == "old"


def test_a_lost_rollover_that_happened_is_found_out() -> None:
    it = session(nonces=4)
    lost = play(roll_over(it, StubSigner("new"))) << post(ROLL) >> LOST
    asked = lost << post(NEW, {"onlyReturnExisting": True}, by="new") >> reply(VALID, location=ACCOUNT_URL)
    asked << post(ACCOUNT_URL, None, by="new") >> reply(VALID) << returns()


def test_a_lost_rollover_that_did_not_happen_is_done_again() -> None:
    it = session(nonces=4)
    lost = play(roll_over(it, StubSigner("new"))) << post(ROLL) >> LOST
    asked = lost << post(NEW, by="new") >> refuse(ProblemType.ACCOUNT_DOES_NOT_EXIST)
    asked << post(ROLL, by="old") >> reply(VALID) << post(ACCOUNT_URL, by="new") >> reply(VALID) << returns()


def test_a_key_that_is_ours_already_is_no_conflict() -> None:
    it = session(nonces=4)
    told = play(roll_over(it, StubSigner("new"))) << post(ROLL) >> refuse(ProblemType.CONFLICT, location=ACCOUNT_URL)
    asked = told << post(NEW, by="new") >> reply(VALID, location=ACCOUNT_URL)
    asked << post(ACCOUNT_URL, by="new") >> reply(VALID) << returns()


def test_a_rollover_that_a_failing_server_did_is_found_out() -> None:
    it = session(nonces=4)
    told = play(roll_over(it, StubSigner("new"))) << post(ROLL) >> refuse(ProblemType.SERVER_INTERNAL)
    asked = told << post(NEW, by="new") >> reply(VALID, location=ACCOUNT_URL)
    asked << post(ACCOUNT_URL, by="new") >> reply(VALID) << returns()
    assert it.signer.jwk["x"] == "new"


def test_a_key_of_another_account_is_a_conflict() -> None:
    it = session(nonces=4)
    told = play(roll_over(it, StubSigner("new"))) << post(ROLL) >> refuse(ProblemType.CONFLICT)
    told << post(NEW, by="new") >> reply(VALID, location="/acct/2") << fails("acme", ProblemType.CONFLICT)
    assert it.signer.jwk["x"] == "old"


def test_a_ca_without_key_change_says_so() -> None:
    play(roll_over(session(keyChange=""), StubSigner("new"))) << fails("ca-refused", words="no change")
