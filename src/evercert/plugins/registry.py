"""Plugins by name: ours from a table, a stranger's from its package's entry points; none is
imported before it is asked for.

A stranger's plugin is code that its user installed: it runs with all of our rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.plugins.contracts import DnsProvider, Target
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["deploy_targets", "dns_providers", "load", "names", "options"]

_DNS = "evercert.solve.dns."
_DEPLOY = "evercert.deploy.targets."

_BUILT_IN: Final[Mapping[PluginKind, Mapping[str, str]]] = {
    PluginKind.DNS: {
        "acmedns": f"{_DNS}acmedns:AcmeDns",
        "cloudflare": f"{_DNS}cloudflare:Cloudflare",
        "exec": f"{_DNS}exec:Exec",
        "lexicon": f"{_DNS}lexicon:Lexicon",
        "manual": f"{_DNS}manual:Manual",
        "powerdns": f"{_DNS}powerdns:PowerDns",
        "rfc2136": f"{_DNS}rfc2136:Rfc2136",
        "route53": f"{_DNS}route53:Route53",
        "webhook": f"{_DNS}webhook:Webhook",
    },
    PluginKind.DEPLOY: {
        "apache": f"{_DEPLOY}apache:Apache",
        "exec": f"{_DEPLOY}exec:Exec",
        "files": f"{_DEPLOY}files:Files",
        "haproxy": f"{_DEPLOY}haproxy:HAProxy",
        "nginx": f"{_DEPLOY}nginx:Nginx",
    },
}

_GROUPS: Final = {PluginKind.DNS: "evercert.dns", PluginKind.DEPLOY: "evercert.deploy"}
_NOUNS: Final = {PluginKind.DNS: "DNS provider", PluginKind.DEPLOY: "deploy target", PluginKind.SOLVER: "solver"}


def names(kind: PluginKind) -> list[str]:
    """Every name that `load` knows, sorted; nothing is imported."""
    return sorted({*_BUILT_IN[kind], *_strangers(kind)})


def load(kind: PluginKind, name: str) -> Any:
    """The plugin's class (its contract is the kind's); raises `not-found` with what was perhaps meant.

    A built-in name cannot be taken by a stranger's plugin.
    """
    if place := _BUILT_IN[kind].get(name):
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)
    if stranger := _strangers(kind).get(name):
        return _load_stranger(kind, stranger)
    raise EvercertError(
        "not-found",
        f"there is no {_NOUNS[kind]} {name[:60]!r}",
        hint=meant(name, names(kind)),
    )


def dns_providers() -> dict[str, type[DnsProvider]]:
    """All of them, imported: for help and documents, not for the way to a certificate."""
    return {name: load(PluginKind.DNS, name) for name in names(PluginKind.DNS)}


def deploy_targets() -> dict[str, type[Target]]:
    """All of them, imported: for help and documents, not for the way to a certificate."""
    return {name: load(PluginKind.DEPLOY, name) for name in names(PluginKind.DEPLOY)}


def options(info: PluginInfo, values: Mapping[str, str], resolve_secret: Callable[[str], Secret]) -> Options:
    """The plugin's options, checked against its header, secrets resolved.

    Raises `bad-input` for a field that is unknown, missing, or a secret written out instead of
    referred to. A secret that is not given is looked for in its usual variable.
    """
    if info.more_fields is not None:
        info = replace(info, fields=info.fields + info.more_fields(values))
    _check_names(info, values)
    secrets = {
        field.name: secret
        for field in info.fields
        if field.secret and (secret := _secret(info, field, values, resolve_secret))
    }
    for field in info.fields:
        if field.required and not (field.name in secrets or values.get(field.name)):
            raise _missing(info, field)
    plain = {name: value for name, value in values.items() if name not in secrets}
    return Options(info, plain, secrets)


def _check_names(info: PluginInfo, values: Mapping[str, str]) -> None:
    known = [field.name for field in info.fields]
    for name in values:
        if name not in known:
            raise EvercertError(
                "bad-input", f"{info.name} has no field {name[:60]!r}", hint=meant(name, known), name=info.name
            )


def _secret(
    info: PluginInfo, field: Field, values: Mapping[str, str], resolve_secret: Callable[[str], Secret]
) -> Secret | None:
    given = values.get(field.name)
    try:
        return resolve_secret(given or f"env:{_variable(info, field)}")
    except EvercertError as error:
        if not given and error.code.name == "not-found":
            return None
        error.message = f"{field.name}: {error.message}"
        raise error.about(name=info.name) from error.__cause__


def _missing(info: PluginInfo, field: Field) -> EvercertError:
    if field.secret:
        hint = f"export {_variable(info, field)}, or set {field.name}=file:/path or {field.name}=cred:NAME"
    else:
        hint = f"set {field.name} (-o {info.name}.{field.name}=...): {field.help}"
    return EvercertError("bad-input", f"{info.name} needs its {field.name}", hint=hint, name=info.name)


def _variable(info: PluginInfo, field: Field) -> str:
    return f"EVERCERT_{info.name}_{field.name}".upper().replace("-", "_")


def meant(name: str, known: list[str]) -> str:
    """The hint for a word that is none of those that are known."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known) or 'none'}"


@cache
def _strangers(kind: PluginKind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=_GROUPS[kind])}


def _load_stranger(kind: PluginKind, point: EntryPoint) -> Any:
    try:
        plugin = point.load()
    except Exception as error:  # whatever a stranger's module does on its way in
        raise EvercertError(
            "bad-input",
            f"the {_NOUNS[kind]} {point.name!r} cannot be loaded: {type(error).__name__}",
            hint=f"it comes from {point.value[:100]}; reinstall or remove that package",
        ) from error
    info = getattr(plugin, "info", None)
    if not isinstance(info, PluginInfo) or info.kind is not kind:
        raise EvercertError(
            "bad-input",
            f"{point.value[:100]} is not a {_NOUNS[kind]}",
            hint="a plugin has a class attribute `info`, a PluginInfo of that kind",
        )
    return plugin
