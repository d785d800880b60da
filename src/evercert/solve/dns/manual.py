"""A person who sets the record."""

from __future__ import annotations

import logging
from typing import ClassVar

from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["Manual"]

_log = logging.getLogger("evercert")


class Manual:
    """Says what to set, and leaves it to the look at the name servers to see that it was done."""

    info: ClassVar = PluginInfo(
        "manual",
        PluginKind.DNS,
        "you set the record; Evercert says which, and goes on when it can be seen",
        (Field("propagation_timeout", "seconds to wait until the record is seen everywhere", default="3600"),),
    )
    record_by_record: ClassVar = False

    def __init__(self, options: Options, ports: Ports) -> None:
        pass

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        _log.warning("set this record, beside those that are there:  %s. %d IN TXT %s", name, ttl, f'"{value}"')
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        _log.warning("this record is not needed any more:  %s. IN TXT %s", name, f'"{value}"')
