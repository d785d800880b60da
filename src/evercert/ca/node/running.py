"""A CA as `evercert ca serve` runs it: opened from its folder, on its ports, with what operators watch it by."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from evercert.ca.issuing.loading import load_root
from evercert.ca.meters import NO_METERS
from evercert.ca.node.access import access_log
from evercert.ca.node.opening import open_ca
from evercert.ca.node.reloading import reloading
from evercert.ca.node.serving import Listening, Serving, serving
from evercert.ca.setup.settings import CaSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evercert.ca.metrics.prometheus import PrometheusMeters

__all__ = ["running"]


@asynccontextmanager
async def running(
    folder: Path, settings: CaSettings, environ: Mapping[str, str], *, answers_at: int = logging.DEBUG
) -> AsyncIterator[Serving]:
    """Inside, the CA answers; afterwards what was asked is answered, and nothing of it runs. Each answer is a line of
    the log at the level *answers_at*."""
    async with AsyncExitStack() as closing:
        meters = closing.enter_context(_meters()) if settings.metrics.listen else None
        opened = await closing.enter_async_context(open_ca(folder, settings, environ, meters=meters or NO_METERS))
        closing.enter_context(reloading(opened))
        node = opened.node
        more = []
        if meters:
            from evercert.ca.metrics.page import metrics_page

            more.append(Listening(settings.metrics.listen, metrics_page(node, meters)))
        if settings.admin.listen:
            from evercert.ca.admin.wiring import admin_listening

            more.append(await closing.enter_async_context(admin_listening(node, settings, load_root(folder))))
        observer = access_log((meters or NO_METERS).answered, answers_at)
        yield await closing.enter_async_context(serving(node, settings, more, observer))


@contextmanager
def _meters() -> Iterator[PrometheusMeters]:
    """Meters, which also count the faults that are logged meanwhile."""
    from evercert.ca.metrics.prometheus import PrometheusMeters

    meters = PrometheusMeters()
    counter, log = meters.log_counter(), logging.getLogger("evercert")
    log.addHandler(counter)
    try:
        yield meters
    finally:
        log.removeHandler(counter)
