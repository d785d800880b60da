"""The CA in memory that simulations ask, under the name that tests know."""

from __future__ import annotations

from evercert.base.message import Request, Response
from evercert.simulation.ca.records import Fault
from evercert.simulation.ca.server import CaServer as FakeCa

__all__ = ["BlockingFakeCa", "FakeCa", "Fault"]


class BlockingFakeCa:
    """The same CA as a `BlockingTransport`."""

    def __init__(self, ca: FakeCa) -> None:
        self.ca = ca

    def send(self, request: Request) -> Response:
        return self.ca.answer(request)
