"""A service of the user's own that sets records: one POST to set, one to take away."""

from __future__ import annotations

from typing import Any, ClassVar

from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.plugins.rest import Rest

__all__ = ["Webhook"]


class Webhook:
    """Posts `{"fqdn", "value", "zone", "ttl"}` to `<url>/present` and `<url>/cleanup`.

    The first two members are what lego's `httpreq` sends, so that its servers can be used. A 2xx
    answer means done; both may be sent again with the same content. Requests for different names may come
    at the same time, those for one name never do.
    """

    info: ClassVar = PluginInfo(
        "webhook",
        PluginKind.DNS,
        "a service of your own: POST <url>/present and <url>/cleanup",
        (
            Field("url", "the service's address", required=True),
            Field("token", "sent as bearer token", secret=True),
        ),
    )
    record_by_record: ClassVar = True

    def __init__(self, options: Options, ports: Ports) -> None:
        token = options.secrets.get("token")
        headers = {"authorization": f"Bearer {token.text().strip()}"} if token else {}
        self._api = Rest(self.info.name, options["url"], ports.http, ports.clock, headers=headers, explain=_words)

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        await self._api.call("POST", "/present", {"fqdn": f"{name}.", "value": value, "zone": f"{zone}.", "ttl": ttl})
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        await self._api.call("POST", "/cleanup", {"fqdn": f"{name}.", "value": value, "zone": f"{zone}."})


def _words(body: Any) -> str:
    return str(body["error"])
