"""acme-dns: a small DNS server that answers for challenges alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from evercert.base.errors import EvercertError
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.plugins.rest import Rest

__all__ = ["AcmeDns"]


class _Account(msgspec.Struct, frozen=True):
    """One registration: it may write at `subdomain` and nowhere else."""

    username: str
    password: str
    subdomain: str


class AcmeDns:
    """Each name's challenge is delegated to a registration of its own with a CNAME.

    The server keeps the last two values of a subdomain, which is enough for a name and its wildcard,
    and has no call to take one away: a newer value pushes it out.
    """

    info: ClassVar = PluginInfo(
        "acmedns",
        PluginKind.DNS,
        "acme-dns, to which challenges are delegated with a CNAME",
        (
            Field("url", "the server's API, such as https://auth.example.org", required=True),
            Field("subdomain", "the registration's subdomain (one registration)"),
            Field("username", "the registration's user", secret=True),
            Field("password", "the registration's password", secret=True),
            Field("accounts", "many registrations: JSON of name -> username, password, subdomain", secret=True),
        ),
        "https://github.com/acme-dns/acme-dns",
    )
    record_by_record: ClassVar = True

    def __init__(self, options: Options, ports: Ports) -> None:
        self._http, self._clock, self._url = ports.http, ports.clock, options["url"]
        self._accounts = _accounts(options)

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        account = self._accounts.get(name.partition(".")[0])
        if account is None:
            raise EvercertError(
                "zone-not-found",
                "no registration of ours may write there",
                name=name,
                hint=f"let the challenge's name be a CNAME to <subdomain>.<acme-dns domain>; we have "
                f"{', '.join(sorted(self._accounts))[:200]}",
            )
        headers = {"x-api-user": account.username, "x-api-key": account.password}
        api = Rest(self.info.name, self._url, self._http, self._clock, headers=headers, explain=_words)
        await api.call("POST", "/update", {"subdomain": account.subdomain, "txt": value})
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        """Nothing to do: the server forgets the value by itself, and it proves nothing to others."""


def _accounts(options: Options) -> Mapping[str, _Account]:
    """The registrations by subdomain: from the file that other clients keep, or the one in the fields."""
    if "accounts" in options.secrets:
        try:
            many = msgspec.json.decode(options.secret("accounts").reveal(), type=dict[str, _Account])
        except msgspec.DecodeError as error:
            raise EvercertError(
                "bad-input",
                "accounts is not JSON of registrations",
                hint='write {"example.com": {"username": ..., "password": ..., "subdomain": ...}}',
                name=options.info.name,
            ) from error
        return {account.subdomain.lower(): account for account in many.values()}
    if not options["subdomain"]:
        raise EvercertError("bad-input", "acmedns needs its subdomain, or accounts", name=options.info.name)
    one = _Account(options.secret("username").text(), options.secret("password").text(), options["subdomain"])
    return {one.subdomain.lower(): one}


def _words(body: Any) -> str:
    return str(body["error"])
