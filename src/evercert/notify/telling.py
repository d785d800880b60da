"""One event to one hook, by whichever way it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evercert.base.secret import Secret
from evercert.model.hook import Hook
from evercert.notify.channels import program, webhook
from evercert.notify.delivery import Delivery
from evercert.plugins.contracts import Ports

__all__ = ["hand_over"]


async def hand_over(hook: Hook, delivery: Delivery, ports: Ports, find_secret: Callable[[str], Secret]) -> None:
    """Afterwards the hook has taken the event; bounded in time. Raises `EvercertError` where it has not, or where that
    is not known."""
    if hook.program:
        await program.run(hook, delivery, ports.programs)
    else:
        # A reference may ask a program for the secret, for seconds.
        secret = await asyncio.to_thread(find_secret, hook.secret)
        await webhook.post(hook, delivery, ports.http, secret, ports.clock)
