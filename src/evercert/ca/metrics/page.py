"""`/metrics`: what was counted, and what is looked at because somebody asks: queues, lists, ends, the store's size."""

from __future__ import annotations

from typing import Final

from evercert.base.clock import from_epoch
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer, Application, Asked
from evercert.ca.metrics.prometheus import PrometheusMeters
from evercert.ca.node.wiring import Node
from evercert.ca.store import watching

__all__ = ["metrics_page"]

_TEXT: Final = ("content-type", "text/plain; charset=utf-8")


class _Sights:
    """Gauges of what a node shows when it is looked at."""

    def __init__(self, node: Node, meters: PrometheusMeters) -> None:
        self._node = node
        gauge = meters.gauge
        self._running = gauge("validations_running", "Validations under way.")
        self._waiting = gauge("validations_waiting", "Validations that wait for their turn.")
        self._issuer_end = gauge("issuer_end_timestamp_seconds", "End of an issuer's certificate.", "issuer", "active")
        self._made = gauge("crl_this_update_timestamp_seconds", "When the oldest list was made.", "issuer", "kind")
        self._due = gauge("crl_next_update_timestamp_seconds", "Until when every list is good.", "issuer", "kind")
        self._listed = gauge("crl_entries", "Entries of all lists.", "issuer", "kind")
        self._size = gauge("database_bytes", "Size of the store.")
        self._readable = gauge("store_up", "1 where the store could be read for this page.")

    async def look(self) -> None:
        """Afterwards the gauges show what there is now; what the store does not say is left as it was."""
        pool, issuers = self._node.attempts.pool, self._node.desk.issuers
        self._running.set(pool.running)
        self._waiting.set(pool.waiting)
        self._issuer_end.clear()
        for each in issuers:
            end = each.signer.not_after.timestamp()
            self._issuer_end.labels(each.name, str(each.active).lower()).set(end)
        try:
            await self._look_at_store()
            self._readable.set(1)
        except EvercertError:
            self._readable.set(0)

    async def _look_at_store(self) -> None:
        octets, lists = await watching.sights(self._node.desk.db)
        self._size.set(octets)
        for issuer, delta, made, due, entries in lists:
            labels = (issuer, "delta" if delta else "whole")
            self._made.labels(*labels).set(from_epoch(made).timestamp())
            self._due.labels(*labels).set(from_epoch(due).timestamp())
            self._listed.labels(*labels).set(int(entries))


def metrics_page(node: Node, meters: PrometheusMeters) -> Application:
    """Answers GET of `/metrics`, in OpenMetrics or in text, as is asked for. Once for each node."""
    sights = _Sights(node, meters)

    async def answer(asked: Asked) -> Answer:
        if asked.path != "/metrics":
            return Answer(404, b"there is nothing at that path\n", (_TEXT,))
        if asked.method not in {"GET", "HEAD"}:
            return Answer(405, b"only GET is taken here\n", (_TEXT, ("allow", "GET, HEAD")))
        await sights.look()
        content_type, text = meters.rendered(asked.header("accept"))
        return Answer(200, text, (("content-type", content_type), ("cache-control", "no-store")))

    return answer
