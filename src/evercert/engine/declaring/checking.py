"""What is wrong in a declaration on this machine, or to a plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from evercert.acme.jose import hmac_key
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.config.declaration.declared import Declaration
from evercert.config.declaration.faults import Fault, Faulty
from evercert.config.declaration.origin import Origin
from evercert.config.references import is_reference
from evercert.engine.targets import Targets
from evercert.host.files import read_bounded
from evercert.model.access import CaAccess
from evercert.notify.signing import key_of
from evercert.solve.response import CHALLENGE_TYPES
from evercert.solve.solvers import check_rule

__all__ = ["check_parts", "placed"]

# All that a system trusts has some 200 kB.
_MAX_ROOTS = 4 << 20

_PLUGIN = {"dns": "provider", "challenges": "solver", "targets": "plugin"}


def check_parts(declaration: Declaration, targets: Targets, resolve: Callable[[str], Secret]) -> None:
    """Raises `Faulty` for unknown plugins and fields, for fields that are missing or not right, and for secrets and
    files of roots that cannot be had; each rule and target is tried once, however many certificates use it."""
    faults = [*_faults(declaration, targets, resolve)]
    if faults:
        raise Faulty(faults)


def _faults(declaration: Declaration, targets: Targets, resolve: Callable[[str], Secret]) -> Iterator[Fault]:
    for access, origin in declaration.cas:
        yield from _ca_faults(access, origin, resolve)
    for registration, origin in declaration.registrations:
        yield from _secret_faults({"eab_key": registration.eab_key}, origin, resolve)
    for rule, origin in declaration.rules:
        try:
            check_rule(rule, resolve)
        except EvercertError as error:
            key = "type" if rule.type not in CHALLENGE_TYPES else _PLUGIN[str(origin.path[0])]
            yield placed(error, origin, rule.options, key)
    for spec, origin in declaration.targets:
        try:
            targets.check_spec(spec)
        except EvercertError as error:
            yield placed(error, origin, spec.options, _PLUGIN["targets"])
    yield from _hook_faults(declaration, resolve)


def _ca_faults(access: CaAccess, origin: Origin, resolve: Callable[[str], Secret]) -> Iterator[Fault]:
    if access.roots and (missing := _missing(Path(access.roots))):
        yield origin.fault(missing, "name a file of PEM certificates", inside=("roots",))
    yield from _secret_faults({"eab_key": access.eab_key, "proxy": access.proxy}, origin, resolve)


def _secret_faults(references: Mapping[str, str], origin: Origin, resolve: Callable[[str], Secret]) -> Iterator[Fault]:
    for key, reference in references.items():
        try:
            if is_reference(reference):
                secret = resolve(reference)
                if key == "eab_key":
                    hmac_key(secret)
        except EvercertError as error:
            yield origin.fault(error.message, error.hint, inside=(key,))


def _hook_faults(declaration: Declaration, resolve: Callable[[str], Secret]) -> Iterator[Fault]:
    for hook, origin in declaration.hooks:
        try:
            if hook.secret:
                key_of(resolve(hook.secret))
        except EvercertError as error:
            yield origin.fault(error.message, error.hint, inside=("secret",))


def _missing(file: Path) -> str:
    """Why it is no file of certificates that could be read, in words; empty if it is."""
    try:
        if b"-----BEGIN CERTIFICATE-----" in read_bounded(file, _MAX_ROOTS):
            return ""
    except OSError as error:
        return f"{file} cannot be read: {(error.strerror or 'unreadable').lower()}"
    except EvercertError as error:
        return error.message
    return f"{file} has no certificate in PEM"


def placed(error: EvercertError, origin: Origin, options: Mapping[str, str], key: str) -> Fault:
    """At the option of which the error speaks, else at the *key*."""
    named = _named(error.message, options)
    if named:
        return origin.fault(error.message, error.hint, inside=("options", named), at_key=True)
    return origin.fault(error.message, error.hint, inside=(key,))


def _named(message: str, options: Mapping[str, str]) -> str:
    for name, value in options.items():
        if repr(name) in message or message.startswith(f"{name}:") or (value and repr(value) in message):
            return name
    return ""
