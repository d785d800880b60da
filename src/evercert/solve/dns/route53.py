"""Amazon Route 53, through boto3 (extra `route53`)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

from evercert.base.errors import EvercertError, Retry
from evercert.base.foreign import one_line
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.solve.txt import quoted, unquoted

__all__ = ["Route53"]

# Another client of the same record set may be faster; so often we read it again.
_TRIES = 5
_DENIED = frozenset({"AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "NoCredentialsError"})
_NEEDED = "its key needs ListHostedZonesByName, ListResourceRecordSets and ChangeResourceRecordSets for the zone"


class Route53:
    """Replaces a record set by deleting exactly what was read and creating the new one, in one batch:
    where somebody else changed it meanwhile, Route 53 refuses, and it is read again.

    boto3 opens its own connections; it runs in a thread and is imported when first used. Without an
    access key it looks for credentials where AWS clients do (its environment, profile or role).
    """

    info: ClassVar = PluginInfo(
        "route53",
        PluginKind.DNS,
        "Amazon Route 53",
        (
            Field("access_key_id", "access key; empty: boto3's usual places"),
            Field("secret_access_key", "the access key's secret", secret=True),
            Field("session_token", "for temporary credentials", secret=True),
            Field("profile", "a profile of the AWS configuration files"),
            Field("zone_id", "the hosted zone's id, where its name is not enough"),
            Field("private", "write to the private zone of that name instead of the public one", default="no"),
            Field("url", "another address of the API"),
        ),
        "https://docs.aws.amazon.com/Route53/latest/APIReference/",
    )
    record_by_record: ClassVar = False

    def __init__(self, options: Options, ports: Ports) -> None:
        self._options = options
        # A `cached_property` is made by each thread that finds none, since Python 3.12; and what is refused to one
        # client is, to another one, an exception of another class.
        self._making = threading.Lock()

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        def with_value(values: list[str]) -> list[str]:
            return values if quoted(value) in map(_same, values) else [*values, quoted(value)]

        return await asyncio.to_thread(self._change, zone, name, ttl, with_value)

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        def without_value(values: list[str]) -> list[str]:
            return [each for each in values if unquoted(each) != value]

        # *reference* is the zone's id, so that the zone need not be found again.
        await asyncio.to_thread(self._change, zone, name, 0, without_value, reference)

    def _change(
        self, zone: str, name: str, ttl: int, change: Callable[[list[str]], list[str]], zone_id: str = ""
    ) -> str:
        """Afterwards the values of *name* are what *change* makes of them; the zone's id."""
        with _told(name):
            zone_id = zone_id or self._zone_id(zone, name)
            for left in reversed(range(_TRIES)):
                before = self._txt_of(zone_id, name)
                values = [record["Value"] for record in before["ResourceRecords"]] if before else []
                wanted = change(values)
                if wanted == values:
                    break
                try:
                    self._replace(zone_id, before, _record_set(name, ttl, before, wanted))
                except self._client.exceptions.InvalidChangeBatch:
                    if not left:
                        raise
                else:
                    break
            return zone_id

    def _replace(self, zone_id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        changes = [{"Action": "DELETE", "ResourceRecordSet": before}] if before else []
        if after["ResourceRecords"]:
            changes.append({"Action": "CREATE", "ResourceRecordSet": after})
        self._client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})

    def _txt_of(self, zone_id: str, name: str) -> dict[str, Any] | None:
        answer = self._client.list_resource_record_sets(
            HostedZoneId=zone_id, StartRecordName=name, StartRecordType="TXT", MaxItems="1"
        )
        sets = [
            each
            for each in answer["ResourceRecordSets"]
            if each["Type"] == "TXT" and each["Name"].lower().rstrip(".") == name and "SetIdentifier" not in each
        ]
        return sets[0] if sets else None

    def _zone_id(self, zone: str, name: str) -> str:
        if self._options["zone_id"]:
            return self._options["zone_id"].removeprefix("/hostedzone/")
        private = self._options.flag("private")
        answer = self._client.list_hosted_zones_by_name(DNSName=zone, MaxItems="100")
        for hosted in answer["HostedZones"]:
            same_kind = bool(hosted.get("Config", {}).get("PrivateZone")) is private
            if hosted["Name"].lower().rstrip(".") == zone and same_kind:
                return str(hosted["Id"]).removeprefix("/hostedzone/")
        raise EvercertError(
            "zone-not-found",
            f"the account has no {'private' if private else 'public'} hosted zone {zone}",
            name=name,
            hint="are these the right account's credentials? otherwise set zone_id",
        )

    @property
    def _client(self) -> Any:
        with self._making:
            return self._made

    @cached_property
    def _made(self) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise EvercertError(
                "bad-input", "boto3 is not installed", hint="pip install 'evercert[route53]'", name=self.info.name
            ) from error
        options = self._options
        session = boto3.session.Session(
            aws_access_key_id=options["access_key_id"] or None,
            aws_secret_access_key=options.secret("secret_access_key").text() if options["access_key_id"] else None,
            aws_session_token=options.secrets["session_token"].text() if "session_token" in options.secrets else None,
            profile_name=options["profile"] or None,
            region_name="us-east-1",  # Route 53 is one service for all regions; its signatures name this one
        )
        # Five requests a second and account are allowed, so being throttled is usual: "standard" retries it.
        config = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=30)
        return session.client("route53", endpoint_url=options["url"] or None, config=config)


def _same(content: str) -> str:
    return quoted(unquoted(content))


def _record_set(name: str, ttl: int, before: Mapping[str, Any] | None, values: list[str]) -> dict[str, Any]:
    records = [{"Value": value} for value in values]
    return {"Name": f"{name}.", "Type": "TXT", "TTL": before["TTL"] if before else ttl, "ResourceRecords": records}


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tells botocore's errors in our words."""
    try:
        yield
    except EvercertError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith("botocore"):
            raise
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        raise EvercertError(
            "zone-not-found" if code == "NoSuchHostedZone" else "provider",
            f"Route 53: {one_line(str(error))}",
            name=name,
            hint=_NEEDED if code in _DENIED else "",
            retry=Retry.NEVER if code in _DENIED else None,
        ) from error
