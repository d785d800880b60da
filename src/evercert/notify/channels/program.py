"""A program of this machine: the event on its standard input, a minimal environment, no shell."""

from __future__ import annotations

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.model.hook import Hook
from evercert.notify.delivery import Delivery
from evercert.plugins.contracts import Programs

__all__ = ["run"]


async def run(hook: Hook, delivery: Delivery, programs: Programs) -> None:
    """Returns once the program has ended with status 0. Raises `hook` if it ends otherwise, or takes too long."""
    environment = {
        "EVERCERT_EVENT_ID": str(delivery.number),
        "EVERCERT_EVENT_KIND": delivery.kind,
        "EVERCERT_EVENT_CERTIFICATE": delivery.certificate,
        "EVERCERT_EVENT_ATTEMPT": str(delivery.attempt),
    }
    try:
        completed = await programs.run(hook.program, env=environment, stdin=delivery.body, timeout=hook.timeout)
    except EvercertError as error:
        raise EvercertError("hook", error.message, hint=error.hint) from error
    if completed.status:
        words = one_line(completed.output[-1000:]) or "it said nothing"
        hint = "run it by hand with a line of `evercert events --json` on its standard input, as it is given"
        raise EvercertError("hook", f"{hook.program[0]} ended with status {completed.status}: {words}", hint=hint)
