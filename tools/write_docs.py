"""Write the parts of `docs/` that are made from the program's own tables.

    python tools/write_docs.py          # writes those pages of docs/ that stand in PAGES

`tests/house/test_docs.py` fails when what is committed is not what this writes.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import click
import msgspec

from evercert.acme.cas import KNOWN_CAS, known_ca
from evercert.base.errors import CODES, Exit
from evercert.ca.admin.table import OPERATIONS, Operation
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.profiles.reading import FIELDS
from evercert.cli.app import app
from evercert.cli.forecast.show import picture
from evercert.config.declaration.schema import (
    USUAL,
    CaTable,
    CertificateTable,
    ChallengeTable,
    DefaultsTable,
    DnsTable,
    FreezeTable,
    HookTable,
    LimitsTable,
    TargetTable,
    Wishes,
)
from evercert.config.declaration.shape import described
from evercert.config.settings import SETTINGS
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind
from evercert.engine.forecast.outlook import forecast
from evercert.model.event import KINDS
from evercert.plugins.info import Field, PluginInfo
from evercert.plugins.registry import deploy_targets, dns_providers
from evercert.solve.dns01 import DNS_FIELDS
from evercert.solve.dns_persist01 import PERSIST_FIELDS
from evercert.solve.solvers import SOLVERS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DIFFERENCES = ROOT / "tests/ca/conformance/differences.toml"

# What stands before it in a page was written by hand, and stays.
MADE = "<!-- From here on this page is made by tools/write_docs.py. -->"


def cli() -> Iterator[str]:
    yield "# The command line"
    yield (
        "Results go to standard output, everything else to standard error. "
        "With `--json` standard output holds one JSON document (`evercert events`: one a line)."
    )
    for name, command in _commands(app, "evercert"):
        context = click.Context(command, info_name=name, max_content_width=110, terminal_width=110)
        yield f"## {name}"
        yield "```text\n" + command.get_help(context).rstrip() + "\n```"


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{path} {name}", command
            yield from _commands(command, f"{path} {name}")
        elif command is not None:
            yield f"{path} {name}", command


def settings() -> Iterator[str]:
    yield "# Settings"
    yield "Settings are about the machine; what certificates are wanted stands in the store (see `evercert obtain`)."
    yield _table(
        ("variable", "default", "what it does"), [(f"`{s.variable}`", s.default or "-", s.help) for s in SETTINGS]
    )


def errors() -> Iterator[str]:
    yield "# Errors and exit statuses"
    shape = '{"error": {"code": …, "message": …, "hint": …, "retry": …}}'
    yield f"With `--json` an error is `{shape}`. Codes are never renamed."
    statuses = [(str(end.value), end.name.lower().replace("_", " ")) for end in Exit]
    yield _table(("exit status", "name"), [*statuses, ("130", "interrupted (Ctrl-C or SIGTERM; not `evercert run`)")])
    rows = [(f"`{c.name}`", str(c.exit.value), c.retry.value, c.meaning) for c in CODES.values()]
    yield _table(("code", "exit status", "try again", "meaning"), rows)


def dns() -> Iterator[str]:
    yield "# DNS providers"
    yield "`evercert obtain '*.example.com' --dns PROVIDER -o PROVIDER.FIELD=VALUE`"
    yield from _plugins(provider.info for provider in dns_providers().values())
    yield "## What all of them have"
    yield "Beside their own fields; a provider that has one of that name has another default for it."
    yield _table(_FIELD, [_field(field) for field in DNS_FIELDS])
    yield "With dns-persist-01 (`--dns-challenge dns-persist-01`, or `challenge` in a declaration) these, too:"
    yield _table(_FIELD, [_field(field) for field in PERSIST_FIELDS])


def deploy() -> Iterator[str]:
    yield "# Deploy targets"
    yield "`evercert obtain www.example.com --http-01 --deploy TARGET -o TARGET.FIELD=VALUE`"
    yield from _plugins(target.info for target in deploy_targets().values())


def _plugins(plugins: Iterable[PluginInfo]) -> Iterator[str]:
    yield (
        "A secret is given by reference: `env:NAME`, `file:PATH`, `cred:NAME` (a systemd credential) or `exec:PROGRAM`."
        " Without one, the variable `EVERCERT_<PLUGIN>_<FIELD>` is read."
    )
    for info in sorted(plugins, key=lambda info: info.name):
        yield f"## {info.name}"
        yield info.summary + (f" (<{info.url}>)" if info.url else "")
        if info.fields:
            yield _table(_FIELD, [_field(field) for field in info.fields])


_FIELD = ("field", "", "default", "what it is")


def _field(field: Field) -> tuple[str, str, str, str]:
    marks = ", ".join(word for word, holds in (("required", field.required), ("secret", field.secret)) if holds)
    return f"`{field.name}`", marks, f"`{field.default}`" if field.default else "", field.help


def cas() -> Iterator[str]:
    yield "# The CAs that Evercert knows"
    yield "Any other ACME CA is named by its directory URL: `--ca https://ca.example/directory`."
    rows = [(f"`{ca.id}`", ca.name, "yes" if ca.eab else "no", f"<{ca.directory}>") for ca in KNOWN_CAS]
    yield _table(("id", "CA", "external account", "directory"), rows)


def declaration() -> Iterator[str]:
    yield (DOCS / "declaration.md").read_text().partition(MADE)[0].rstrip()
    yield MADE
    yield "## Every key"
    tables = (
        ("Certificates, policies and defaults", "`[certificates.NAME]`, `[policies.NAME]`, `[defaults]`.", Wishes),
        ("Certificates alone", CertificateTable.__doc__, CertificateTable),
        ("Defaults alone", DefaultsTable.__doc__, DefaultsTable),
        *((name, kind.__doc__, kind) for name, kind in _TABLES.items()),
    )
    for name, about, kind in tables:
        yield f"### {name}"
        yield str(about)
        shared = () if kind is Wishes else msgspec.structs.fields(Wishes) if issubclass(kind, Wishes) else ()
        hidden = {field.name for field in shared}
        fields = [field for field in msgspec.structs.fields(kind) if field.name not in hidden]
        yield _table(("key", "where it is not set", "what it says"), [_key(field) for field in fields])
        if kind is ChallengeTable:
            yield from _solvers()


def _solvers() -> Iterator[str]:
    yield "What the solvers are, and their `options`; a DNS provider's are in [dns](dns.md)."
    rows: list[tuple[str, ...]] = []
    for (challenge, _), info in SOLVERS.items():
        rows.append((f"`{info.name}`", challenge, "", "", info.summary))
        rows += (("", "", *_field(field)[::2], _told(field)) for field in info.fields)
    yield _table(("solver", "challenge", "option", "default", "what it is"), rows)


def _told(field: Field) -> str:
    return f"required: {field.help}" if field.required else field.help


_TABLES = {
    "CAs": CaTable,
    "Limits of a CA": LimitsTable,
    "DNS accounts": DnsTable,
    "Challenges": ChallengeTable,
    "Targets": TargetTable,
    "Hooks": HookTable,
    "A freeze": FreezeTable,
}


def _key(field: msgspec.structs.FieldInfo) -> tuple[str, str, str]:
    usual = USUAL.get(field.name, "") if field.default is None else ""
    default = (
        "required"
        if field.required
        else usual or ("" if field.default in (None, msgspec.NODEFAULT) else _written(field.default))
    )
    return f"`{field.encode_name}`", default, described(field.type)


def events() -> Iterator[str]:
    yield (DOCS / "events.md").read_text().partition(MADE)[0].rstrip()
    yield MADE
    yield "## Every kind"
    rows = [(f"`{kind}`", _meaning(each), _particulars(each)) for kind, each in sorted(KINDS.items())]
    yield _table(("kind", "what happened", "fields beside `certificate`"), rows)


def _meaning(kind: type) -> str:
    return " ".join(str(kind.__doc__).split())


def _particulars(kind: type[msgspec.Struct]) -> str:
    return ", ".join(f"`{name}`" for name in kind.__struct_fields__ if name != "certificate")


def ca_profiles() -> Iterator[str]:
    yield (DOCS / "ca-profiles.md").read_text().partition(MADE)[0].rstrip()
    yield MADE
    yield "## Every field"
    rows = [
        (f"`{name}`", _written(field.default), field.type.__metadata__[0].description) for name, field in FIELDS.items()
    ]
    yield _table(("field", "where it is not set", "what it decides"), rows)
    yield "## The built-in profiles"
    for profile in BUILT_IN.values():
        yield f"**{profile.name}**: {profile.description}. " + ", ".join(_differences(profile)) + "."


def ca_admin() -> Iterator[str]:
    yield (DOCS / "ca-admin.md").read_text().partition(MADE)[0].rstrip()
    yield MADE
    yield "## Every operation"
    rows = [(f"`{each.method} {each.path}`", each.role, each.summary, _taken(each)) for each in OPERATIONS]
    yield _table(("operation", "role", "what it does", "takes"), rows)


def _taken(operation: Operation) -> str:
    """The fields of its query or body."""
    kind = operation.query or operation.body
    return ", ".join(f"`{name}`" for name in kind.__struct_fields__) if kind else ""


def _differences(profile: Profile) -> Iterator[str]:
    for name, field in FIELDS.items():
        if name != "description" and (value := getattr(profile, name)) != field.default:
            yield f"`{name} = {_written(value).strip('`')}`"


def _written(value: Any) -> str:
    """As it is written in TOML."""
    if isinstance(value, tuple):
        return "`[" + ", ".join(_plain(each) for each in value) + "]`"
    return f"`{_plain(value)}`" if value not in ("", None) else ""


def _plain(value: Any) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return next(f'"{seconds // size}{unit}"' for unit, size in _UNITS.items() if seconds % size == 0)
    value = value.value if isinstance(value, Enum) else value
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def strangers() -> Iterator[str]:
    yield "# Strangers' clients at the CA"
    yield (
        "What `make test` sees other makers' ACME clients do at `evercert ca`: each from its package, run as its own "
        "users run it, with the real ports and a name server. Each orders two names (Caddy one), by dns-01 a wildcard "
        "and its apex. OpenSSL verifies every chain, every renewal brings another certificate, every revocation is "
        "seen at the CA."
    )
    seen = sorted(_seen().items(), key=lambda item: item[0].lower())
    clients = [(*entry.rsplit(", ", 1), found) for entry, found in seen]
    heads = ("client", "version", "from", *_CHALLENGES)
    yield _table(
        heads,
        [
            (name, found["version"], source, *(_verbs(found, challenge) for challenge in _CHALLENGES))
            for name, source, found in clients
        ],
    )
    yield "Where a challenge has no entry, the client does not know it. What a client cannot do at any CA:"
    lacks = [f"* {name}: {verb}; it {why}." for name, _, found in clients for verb, why in found["unable"].items()]
    yield "\n".join(dict.fromkeys(lacks))
    yield "What not every client knows:"
    yield _table(
        ("client", "from", *_BEYOND.values()),
        [
            (name, source, *("yes" if word in found["beyond"] else "-" for word in _BEYOND))
            for name, source, found in clients
        ],
    )


_CHALLENGES = ("http-01", "dns-01", "tls-alpn-01")
_BEYOND = {
    "eab": "external account (RFC 8555)",
    "profile": "profile",
    "ari": "renews when it is told (RFC 9773)",
    "ip": "IP address (RFC 8738)",
}


def _seen() -> dict[str, dict[str, Any]]:
    """What the tests of strangers hold true; they fail where it is not."""
    return dict(json.loads((DOCS.parent / "tests/strangers/results.json").read_text()))


def _verbs(found: dict[str, Any], challenge: str) -> str:
    return ", ".join(found["journeys"].get(challenge, ())) or "-"


def ca_conformance() -> Iterator[str]:
    yield "# The private CA beside Pebble"
    yield (
        "One corpus of requests, good, wrong and hostile, is sent to Pebble 2.10.1, the CA that clients are tested "
        "against, and to `evercert ca`. Status and problem type are the same but for what stands here; a difference "
        "that is not here fails a test, and so does one that is here and has gone."
    )
    for each in tomllib.loads(DIFFERENCES.read_text())["difference"]:
        yield each["why"]
        yield _table(("request", "`evercert ca`", "Pebble"), [tuple(row) for row in each["cases"]])


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def forecast_picture() -> Iterator[str]:
    """What `evercert forecast --days 60 --svg --calendar` draws of a shop that has 3,000 certificates at Let's Encrypt,
    which renew with ARI and meet no limit, and takes over 280 names more under one domain."""
    day, days, start = 86_400, 60, 1_798_761_600  # from 2027-01-01 on
    ca = known_ca("letsencrypt")
    kind = Kind(ca.directory, "default", 90 * day, 30 * day, ari=True)
    fleet = Fleet(start)
    for number in range(3_000):
        # A third came in the two weeks in which the shop began, and are renewed together still.
        due = start + (number * 7 % 60 if number % 3 else 20 + number % 14) * day + number % 24 * 3600
        fleet.add(kind, due, due + kind.lead, [f"shop{number}.example"], number)
    for number in range(280):
        fleet.add(kind, start, 0, ["shop.example"], -number)
    rules = {ca.directory: CaRules(ca.id, ca.directory, ca.limits, ari=True)}
    yield picture(forecast(fleet, rules, {}, days * day), days, calendar=True).rstrip()


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "cli.md": cli,
    "settings.md": settings,
    "errors.md": errors,
    "dns.md": dns,
    "deploy.md": deploy,
    "cas.md": cas,
    "declaration.md": declaration,
    "events.md": events,
    "ca-profiles.md": ca_profiles,
    "ca-admin.md": ca_admin,
    "ca-conformance.md": ca_conformance,
    "strangers.md": strangers,
    "forecast.svg": forecast_picture,
}


def page(name: str) -> str:
    """The text of one page."""
    return "\n\n".join(PAGES[name]()) + "\n"


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(page(name))
