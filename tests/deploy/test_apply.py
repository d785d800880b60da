from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest

from evercert.base.errors import EvercertError
from evercert.deploy.apply import Outcome, apply
from evercert.deploy.proof import Proof, Sight
from evercert.model.fact import DeployStatus
from evercert.plugins.contracts import Bundle, Endpoint
from tests.deploy.conftest import error_of
from tests.fakes.bundles import Issuer
from tests.fakes.target import FakeTarget

WWW = "www.example.test"
WHOLE = ["exclusive", "stage", "check", "swap", "reload", "settle"]


async def run(target: FakeTarget, bundle: Bundle) -> Outcome:
    async def look(endpoints: Sequence[Endpoint], wanted: Bundle) -> Proof:
        return Proof((Sight("server.test:443", "" if target.served is wanted else "serves something else"),))

    return await apply(target, bundle, look, lambda _: None)


async def test_a_deploy_that_is_proved_is_settled(issuer: Issuer) -> None:
    target, bundle = FakeTarget(), issuer.bundle(WWW)
    outcome = await run(target, bundle)
    assert outcome == Outcome(DeployStatus.SERVED, "served at server.test:443")
    assert target.asked == WHOLE
    assert target.settled is bundle


async def test_a_target_without_an_address_is_installed_and_not_called_served(issuer: Issuer) -> None:
    target = FakeTarget(places=())
    outcome = await run(target, issuer.bundle(WWW))
    assert outcome.status is DeployStatus.INSTALLED
    assert target.asked == WHOLE


@pytest.mark.parametrize("step", ["exclusive", "stage"])
async def test_a_failure_before_anything_was_staged_undoes_nothing(step: str, issuer: Issuer) -> None:
    target = FakeTarget(faults={step: EvercertError("deploy", "no", hint="do this")})
    outcome = await run(target, issuer.bundle(WWW))
    assert (outcome.status, outcome.rolled_back) == (DeployStatus.FAILED, False)
    assert error_of(outcome).hint == "do this"
    assert target.asked[-1] == step


async def test_a_failed_check_is_rolled_back_without_a_reload(issuer: Issuer) -> None:
    target = FakeTarget(faults={"check": EvercertError("deploy", "no")})
    outcome = await run(target, issuer.bundle(WWW))
    assert target.asked == ["exclusive", "stage", "check", "roll_back"]
    assert not outcome.rolled_back


@pytest.mark.parametrize("step", ["swap", "reload"])
async def test_a_failure_after_the_swap_brings_back_what_was_served(step: str, issuer: Issuer) -> None:
    target, old = FakeTarget(), issuer.bundle(WWW)
    await run(target, old)
    target.faults[step] = OSError(28, "No space left on device", "/full/file")
    outcome = await run(target, issuer.bundle(WWW))
    assert outcome.rolled_back
    assert target.served is old
    assert str(error_of(outcome)) == "www.example.test: /full/file: No space left on device"
    assert "room" in error_of(outcome).hint


async def test_who_may_not_write_because_systemd_says_so_is_told_how_to(issuer: Issuer) -> None:
    target = FakeTarget(faults={"stage": OSError(errno.EROFS, "Read-only file system", "/srv/tls")})
    assert "ReadWritePaths=" in error_of(await run(target, issuer.bundle(WWW))).hint


async def test_a_server_that_serves_something_else_is_rolled_back(issuer: Issuer) -> None:
    target, old = FakeTarget(), issuer.bundle(WWW)
    await run(target, old)

    async def never(endpoints: Sequence[Endpoint], wanted: Bundle) -> Proof:
        return Proof((Sight("server.test:443", "still serves serial 7"),))

    outcome = await apply(target, issuer.bundle(WWW), never, lambda _: None)
    assert error_of(outcome).code.name == "not-served"
    assert error_of(outcome).message == "server.test:443 still serves serial 7"
    assert target.served is old


async def test_a_roll_back_that_fails_as_well_is_told_beside_its_cause(issuer: Issuer) -> None:
    faults: dict[str, Exception] = {"reload": EvercertError("deploy", "refused"), "roll_back": OSError(5, "I/O error")}
    outcome = await run(FakeTarget(faults=faults), issuer.bundle(WWW))
    assert error_of(outcome).message == "refused; and rolling back failed: I/O error"
    assert not outcome.rolled_back


async def test_what_is_served_stays_served_when_tidying_up_fails(issuer: Issuer) -> None:
    target = FakeTarget(faults={"settle": OSError(28, "No space left on device")})
    outcome = await run(target, issuer.bundle(WWW))
    assert outcome.status is DeployStatus.SERVED
    assert "tidying up failed: No space left" in outcome.detail
    assert "roll_back" not in target.asked


async def test_a_strangers_fault_is_named_and_its_words_are_not_shown(issuer: Issuer) -> None:
    target = FakeTarget(faults={"swap": ValueError("-----BEGIN PRIVATE KEY-----")})
    outcome = await run(target, issuer.bundle(WWW))
    assert error_of(outcome).message == "the deploy plugin failed with ValueError"
    assert outcome.rolled_back
