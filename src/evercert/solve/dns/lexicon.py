"""Every provider of dns-lexicon (extra `lexicon`), through one adapter."""

from __future__ import annotations

import asyncio
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from evercert.base.errors import EvercertError, Retry
from evercert.base.foreign import one_line
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.solve.txt import unquoted

__all__ = ["Lexicon", "lexicon_fields", "lexicon_providers"]

_T = TypeVar("_T")

# Parts of a field's name that say that it is a secret; a user name, an address or an id is none.
_SECRET = ("token", "password", "pass", "psw", "secret", "key", "totp", "2fa", "service_account")
_NO_SECRET = ("key_id", "key_is_global", "key_file", "public_key")


def lexicon_providers() -> list[str]:
    """The names of dns-lexicon's providers, sorted; raises `bad-input` where it is not installed."""
    # `auto` guesses the provider from the name servers, and guesses are no ground to send a secret to.
    return sorted(name for name in _discovery().find_providers() if name != "auto")


def lexicon_fields(values: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields of the provider chosen, as dns-lexicon declares them."""
    if not values.get("provider"):
        return ()
    parser = ArgumentParser(add_help=False)
    _provider_class(values["provider"]).configure_parser(parser)
    return tuple(
        Field(action.dest, one_line(action.help or "", 120), secret=_is_secret(action.dest))
        for action in parser._actions
    )


class Lexicon:
    """dns-lexicon opens its own connections, and some of its providers know no time-out: each call runs in
    a thread of its own that is left behind when it hangs. It is imported when first used.
    """

    info: ClassVar = PluginInfo(
        "lexicon",
        PluginKind.DNS,
        "a provider of dns-lexicon: some ninety of them",
        (Field("provider", "dns-lexicon's name of the provider, such as gandi or digitalocean", required=True),),
        "https://dns-lexicon.readthedocs.io/en/latest/configuration_reference.html",
        more_fields=lexicon_fields,
    )
    record_by_record: ClassVar = False

    def __init__(self, options: Options, ports: Ports) -> None:
        self._provider = options["provider"]
        own = {field.name for field in lexicon_fields(options.values)}
        self._options = {name: value for name, value in options.values.items() if name in own}
        self._options |= {name: secret.text() for name, secret in options.secrets.items()}

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        def add(records: Any) -> None:
            before = _values(records, name)
            if value in before:
                return
            records.create_record("TXT", name, value)
            lost = before - _values(records, name)
            if lost:
                raise EvercertError(
                    "provider",
                    f"{self._provider} replaced {len(lost)} other TXT value(s) of the name",
                    name=name,
                    hint="it keeps one value a name: ask for the name and its wildcard in two certificates",
                    retry=Retry.NEVER,
                )

        await self._call(zone, name, ttl, add)
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        def remove(records: Any) -> None:
            if value in _values(records, name):
                records.delete_record(rtype="TXT", name=name, content=value)

        await self._call(zone, name, 0, remove)

    async def _call(self, zone: str, name: str, ttl: int, change: Callable[[Any], None]) -> None:
        def call() -> None:
            with _told(self._provider, zone, name):
                records = _provider_class(self._provider)(self._config(zone, ttl))
                records.authenticate()
                try:
                    change(records)
                finally:
                    records.cleanup()

        await _in_thread(call)

    def _config(self, zone: str, ttl: int) -> Any:
        # Not through `lexicon.client.Client`: it guesses the zone from a list of suffixes that it fetches
        # from the network, while we know it from DNS.
        from lexicon.config import ConfigResolver

        resolver: Any = ConfigResolver
        return resolver().with_dict(
            {
                "provider_name": self._provider,
                "domain": zone,
                **({"ttl": ttl} if ttl else {}),
                self._provider: self._options,
            }
        )


def _values(records: Any, name: str) -> set[str]:
    listed = records.list_records("TXT", name, None)
    return {unquoted(str(record["content"])) for record in listed if _is_name(record, name)}


def _is_name(record: Mapping[str, Any], name: str) -> bool:
    # Some providers do not filter by name although they are asked to.
    return str(record.get("name", name)).rstrip(".").lower() == name


def _is_secret(name: str) -> bool:
    return any(part in name for part in _SECRET) and not any(part in name for part in _NO_SECRET)


def _discovery() -> Any:
    try:
        from lexicon._private import discovery
    except ImportError as error:
        raise EvercertError(
            "bad-input", "dns-lexicon is not installed", hint="pip install 'evercert[lexicon]'", name="lexicon"
        ) from error
    return discovery


def _provider_class(name: str) -> Any:
    if name not in lexicon_providers():
        from difflib import get_close_matches

        close = get_close_matches(name, lexicon_providers(), n=1)
        raise EvercertError(
            "not-found",
            f"dns-lexicon has no provider {name[:60]!r}",
            hint=f"did you mean {close[0]!r}?" if close else "docs/dns/lexicon.md lists them",
            name="lexicon",
        )
    try:
        return _discovery().load_provider_module(name).Provider
    except ImportError as error:
        raise EvercertError(
            "bad-input",
            f"dns-lexicon's {name} needs another package: {one_line(str(error))}",
            hint=f"pip install 'dns-lexicon[{name}]'",
            name="lexicon",
        ) from error


@contextmanager
def _told(provider: str, zone: str, name: str) -> Iterator[None]:
    """Tells whatever a provider raises in our words. Secrets stand in headers and parameters, never in `str`
    of what `requests` raises but for a query string, which is cut off."""
    try:
        yield
    except EvercertError:
        raise
    except Exception as error:
        denied = type(error).__name__ == "AuthenticationError"
        raise EvercertError(
            "provider",
            f"{provider}: {type(error).__name__}: {one_line(str(error).split('?')[0])}",
            name=name,
            hint=f"are the credentials right, and does the account hold {zone}?" if denied else "",
        ) from error


async def _in_thread(call: Callable[[], _T]) -> _T:
    """What *call* returns. Cancelled, the thread is left to itself; it does not keep the process alive."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: Exception | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # None only where _T is None

    def run() -> None:
        try:
            result, error = call(), None
        except Exception as raised:  # carried to the loop, where it is raised again
            result, error = None, raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop was closed: nobody waits any more

    threading.Thread(target=run, name="lexicon", daemon=True).start()
    return await outcome
