"""Amazon Route 53 as moto's server plays it, with what it lets pass that the real one refuses noted here.

moto 5.2 accepts what Route 53 refuses: CREATE of a set that is there, DELETE of one that is not or that has
other values, TXT without quotes, strings above 255 octets. So a test that wants these judged looks at what
was sent. UPSERT, listing, zones of one name and paging are as in the real service.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from tests.peers.place import Place
from tests.peers.ports import free_port
from tests.peers.program import installed

__all__ = ["Moto"]


class Moto:
    """A running `moto_server`. `client(service)` is boto3's, with `url` and made-up credentials."""

    access_key, secret_key = "AKIATEST", "a secret for tests"

    def __init__(self, place: Place) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        argv = [installed("moto_server", "run `make setup`"), "-H", "127.0.0.1", "-p", str(port)]
        self._program = place.start(argv, f"moto-{port}")
        self._program.wait_until(lambda: place.accepts(port), "listening", patience=60)

    def client(self, service: str) -> Any:
        import boto3

        session: Any = boto3.session.Session(self.access_key, self.secret_key, region_name="us-east-1")
        return session.client(service, endpoint_url=self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()
