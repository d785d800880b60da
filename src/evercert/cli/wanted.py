"""From the options of `obtain` to an intent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from evercert.acme.cas import find_ca
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier, parse_identifiers
from evercert.host.files import read_bounded
from evercert.model.intent import CertificateIntent, ChallengeRule, RenewPolicy, TargetSpec
from evercert.model.terms import LONGEST_NAME, MERGED, CaChoice, Terms, is_printable_name
from evercert.pki.csr import CsrView, read_csr
from evercert.pki.keys import KeyType

__all__ = ["Wanted", "intent_of", "refuse_unused", "targets_of"]

_MAX_CSR = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of `obtain`, as they were typed."""

    names: Sequence[str]
    # At least one; the first is asked, the others when it fails.
    cas: Sequence[str]
    cert_name: str = ""
    account: str = "default"
    http01: bool = False
    webroot: str = ""
    http_port: int = 0
    http_address: str = ""
    proxied_port: int = 0
    tls_alpn01: bool = False
    tls_port: int = 0
    tls_upstream: str = ""
    dns: str = ""
    dns_challenge: str = "dns-01"
    challenges: Sequence[str] = ()
    settings: Sequence[str] = ()
    deploy: Sequence[str] = ()
    key_type: str = "ec256"
    reuse_key: bool = False
    profile: str = ""
    profile_required: bool = False
    preferred_chain: str = ""
    lifetime: int = 0
    must_staple: bool = False
    csr: str = ""
    renew_at: float | None = None
    no_ari: bool = False


def intent_of(wanted: Wanted, home: Path) -> CertificateIntent:
    """The intent that was typed; without a target its files go to live/ under *home*.

    Raises `bad-input` or `bad-name` with what to write instead.
    """
    csr = _request(wanted.csr) if wanted.csr else None
    identifiers = csr.identifiers if csr else parse_identifiers(tuple(wanted.names))
    if not identifiers:
        raise EvercertError("bad-input", "no name is given", hint="evercert obtain www.example.com --http-01")
    settings = _settings_by_plugin(wanted.settings)
    solvers = [wanted.dns, *(text.partition("=")[2] for text in wanted.challenges)]
    refuse_unused(wanted.settings, solvers, wanted.deploy or ("files",))
    challenges = tuple(_challenges(wanted, settings))
    first, *further = dict.fromkeys(map(find_ca, wanted.cas))
    _refuse_wildcards_without_dns(identifiers, challenges)
    return CertificateIntent(
        name=_called(wanted.cert_name) or identifiers[0].base,
        identifiers=identifiers,
        ca=first,
        account=wanted.account,
        key_type=KeyType(wanted.key_type),
        reuse_key=wanted.reuse_key,
        profile=wanted.profile,
        profile_required=wanted.profile_required,
        preferred_chain=wanted.preferred_chain,
        lifetime=wanted.lifetime,
        must_staple=wanted.must_staple,
        csr=csr.der if csr else b"",
        challenges=challenges,
        targets=targets_of(wanted.deploy or ("files",), wanted.settings, home),
        renew=RenewPolicy(fraction=wanted.renew_at, use_ari=not wanted.no_ari),
        terms=Terms(further_cas=tuple(CaChoice(ca, wanted.account) for ca in further)),
    )


def _called(name: str) -> str:
    """As it was typed, or nothing. Raises `bad-input`."""
    if name and (not is_printable_name(name) or name.startswith(MERGED)):
        hint = f"use printable characters, at most {LONGEST_NAME}; merged ones alone begin with {MERGED}"
        raise EvercertError("bad-input", f"a certificate cannot be called {one_line(name)[:60]!r}", hint=hint)
    return name


def _request(path: str) -> CsrView:
    try:
        return read_csr(read_bounded(Path(path), _MAX_CSR))
    except EvercertError as error:
        error.hint = error.hint or "give a PKCS #10 request, PEM or DER, as `openssl req -new` makes it"
        raise error.about(name=path) from error


def _refuse_wildcards_without_dns(identifiers: Sequence[Identifier], rules: Sequence[ChallengeRule]) -> None:
    if any(rule.type.startswith("dns-") for rule in rules):
        return
    for identifier in identifiers:
        if identifier.wildcard:
            hint = "add --dns PROVIDER (docs/dns.md lists them), with what it needs as -o PROVIDER.FIELD=VALUE"
            raise EvercertError("no-challenge", "a wildcard is proved by DNS alone", name=identifier.value, hint=hint)


def _challenges(wanted: Wanted, settings: Mapping[str, dict[str, str]]) -> Iterable[ChallengeRule]:
    """The rules in the order in which they are tried; http-01 by whatever is at hand if none is named."""
    for text in wanted.challenges:
        yield _challenge(text, settings)
    if wanted.dns:
        yield ChallengeRule(wanted.dns_challenge, wanted.dns, settings.get(wanted.dns, {}))
    tls_alpn01 = wanted.tls_alpn01 or wanted.tls_upstream
    if tls_alpn01:
        yield _tls_alpn01(wanted)
    http01 = wanted.http01 or wanted.webroot or wanted.proxied_port
    if http01 or not (wanted.challenges or wanted.dns or tls_alpn01):
        yield _http01(wanted)


def _challenge(text: str, settings: Mapping[str, dict[str, str]]) -> ChallengeRule:
    """`[PATTERN:]TYPE=SOLVER`, such as `*.internal.example:dns-01=rfc2136`."""
    scope, _, solver = text.partition("=")
    match, _, kind = scope.rpartition(":")
    if not (kind and solver):
        raise EvercertError(
            "bad-input",
            f"{text!r} is not a challenge rule",
            hint="write [PATTERN:]TYPE=SOLVER, as in '*.example.com:dns-01=rfc2136'",
        )
    return ChallengeRule(kind, solver, settings.get(solver, {}), match or "*")


def _http01(wanted: Wanted) -> ChallengeRule:
    if wanted.webroot:
        return ChallengeRule("http-01", "webroot", {"root": str(Path(wanted.webroot).absolute())})
    if wanted.proxied_port:
        return ChallengeRule("http-01", "proxy", {"port": str(wanted.proxied_port)})
    return ChallengeRule("http-01", "auto", _given(port=wanted.http_port, address=wanted.http_address))


def _tls_alpn01(wanted: Wanted) -> ChallengeRule:
    if wanted.tls_upstream:
        return ChallengeRule("tls-alpn-01", "front", _given(port=wanted.tls_port, upstream=wanted.tls_upstream))
    return ChallengeRule("tls-alpn-01", "standalone", _given(port=wanted.tls_port))


def _given(**options: str | int) -> dict[str, str]:
    return {name: str(value) for name, value in options.items() if value}


def targets_of(deploy: Sequence[str], settings_of: Sequence[str], home: Path) -> tuple[TargetSpec, ...]:
    """Each `PLUGIN` or `PLUGIN:LABEL`; options given for the label go before those given for the plugin.

    `files` goes to live/ under *home* unless told otherwise.
    """
    settings = _settings_by_plugin(settings_of)
    usual = {"files": {"dir": str(home)}}
    specs = []
    for text in deploy:
        plugin, _, label = text.partition(":")
        options = usual.get(plugin, {}) | settings.get(plugin, {}) | settings.get(label, {})
        specs.append(TargetSpec(plugin, options, label))
    return tuple(specs)


def refuse_unused(settings_of: Sequence[str], solvers: Sequence[str], deploy: Sequence[str]) -> None:
    """Raises `bad-input` for a field of a plugin that is not asked for: it would be lost without a word."""
    used = {*solvers, *(part for text in deploy for part in text.split(":", 1))} - {""}
    for plugin in _settings_by_plugin(settings_of):
        if plugin not in used:
            near = get_close_matches(plugin, used, 1)
            hint = f"did you mean {near[0]!r}?" if near else "name it with --dns, --challenge, --deploy or --to"
            raise EvercertError("bad-input", f"a field of {plugin[:60]!r} is set, and that is not used here", hint=hint)


def _settings_by_plugin(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """`PLUGIN.FIELD=VALUE`, gathered by plugin."""
    settings: dict[str, dict[str, str]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        plugin, dot, field = path.partition(".")
        if not (plugin and dot and field and equals):
            raise EvercertError(
                "bad-input",
                f"{path!r} is not a plugin's field",
                hint="write -o PLUGIN.FIELD=VALUE, as in -o rfc2136.server=192.0.2.53",
            )
        settings.setdefault(plugin, {})[field] = value
    return settings
