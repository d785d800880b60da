"""One certificate into one target: stage, check, swap, reload, prove, or all of it back.

A process that dies at any point leaves the old certificate or the new one in place, whole; the
next call goes on from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.deploy.proof import Proof
from evercert.host.files import hint_for
from evercert.model.fact import DeployStatus
from evercert.plugins.contracts import Bundle, Endpoint, Rehearsal, Target

__all__ = ["Outcome", "Prove", "apply", "rehearse"]

Prove = Callable[[Sequence[Endpoint], Bundle], Awaitable[Proof]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a deploy ended. `detail` says what was seen; `rolled_back` that something had been
    changed and is as it was before."""

    status: DeployStatus
    detail: str
    failure: EvercertError | None = None
    rolled_back: bool = False


async def apply(target: Target, bundle: Bundle, prove: Prove, log: Callable[[str], object]) -> Outcome:
    """Afterwards the target serves the bundle, or what it served before; durable either way.

    Idempotent. Cancelled, it is as if the process had died. Never raises for a failure of the
    target's own: that is the outcome.
    """
    try:
        async with target.exclusive():
            return await _in_turn(target, bundle, prove, log)
    except Exception as error:  # a stranger's plugin may raise anything
        return Outcome(DeployStatus.FAILED, "", _told(error, bundle))


async def rehearse(target: Rehearsal, bundle: Bundle) -> EvercertError | None:
    """Why `apply` would fail, as far as can be known while nothing is changed; None where nothing is known against it.
    Never raises for a failure of the target's own."""
    try:
        await target.rehearse(bundle)
    except Exception as error:  # a stranger's plugin may raise anything
        return _told(error, bundle)
    return None


async def _in_turn(target: Target, bundle: Bundle, prove: Prove, log: Callable[[str], object]) -> Outcome:
    touched = swapped = False
    try:
        await target.stage(bundle)
        touched = True
        log("checking what is staged")
        await target.check(bundle)
        swapped = True
        log("swapping and reloading")
        await target.swap(bundle)
        await target.reload(bundle)
        outcome = await _proved(target, bundle, prove, log)
    except Exception as error:  # as above; whatever it was, the old state comes back
        failure = _told(error, bundle)
        return await _undone(target, bundle, failure, log, swapped=swapped) if touched else _failed(failure)
    return await _settled(target, bundle, outcome)


async def _proved(target: Target, bundle: Bundle, prove: Prove, log: Callable[[str], object]) -> Outcome:
    endpoints = await target.endpoints(bundle)
    if not endpoints:
        return Outcome(DeployStatus.INSTALLED, "no address is named where a handshake could prove it")
    log(f"proving by handshake: {one_line(', '.join(sorted({f'{each.host}:{each.port}' for each in endpoints})))}")
    proof = await prove(endpoints, bundle)
    proof.demand()
    return Outcome(DeployStatus.SERVED, proof.detail)


async def _undone(
    target: Target, bundle: Bundle, failure: EvercertError, log: Callable[[str], object], *, swapped: bool
) -> Outcome:
    log(f"rolling back: {failure}")
    try:
        await target.roll_back(bundle)
        if swapped:
            await target.reload(bundle)
    except Exception as error:  # both failures are told; the first one is the cause
        worse = _told(error, bundle)
        # A server that is not running refuses the second reload as it did the first.
        if worse.message == failure.message:
            return Outcome(DeployStatus.FAILED, "", failure, rolled_back=swapped)
        failure.message += f"; and rolling back failed: {worse.message}"
        failure.hint = worse.hint or failure.hint
        return _failed(failure)
    return Outcome(DeployStatus.FAILED, "", failure, rolled_back=swapped)


async def _settled(target: Target, bundle: Bundle, outcome: Outcome) -> Outcome:
    try:
        await target.settle(bundle)
    except Exception as error:  # what is served is served; only the tidying is late
        detail = f"{outcome.detail}; tidying up failed: {_told(error, bundle).message}"
        return Outcome(outcome.status, detail)
    return outcome


def _failed(failure: EvercertError) -> Outcome:
    return Outcome(DeployStatus.FAILED, "", failure)


def _told(error: Exception, bundle: Bundle) -> EvercertError:
    """The error as the user reads it; a target's `OSError` becomes one here and nowhere else."""
    if isinstance(error, EvercertError):
        return error.about(name=bundle.name)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        words = f"{place}{error.strerror or type(error).__name__}"
        hint = hint_for(error, "check that the disk has room and that Evercert may write there")
        return EvercertError("deploy", one_line(words), hint=hint, name=bundle.name)
    return EvercertError("internal", f"the deploy plugin failed with {type(error).__name__}", name=bundle.name)
