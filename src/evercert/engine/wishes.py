"""Wishes: checked before they are written down, so that what cannot work is told at once."""

from __future__ import annotations

from collections.abc import Callable

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.engine.targets import Targets
from evercert.model.intent import CertificateIntent
from evercert.solve.solvers import check_rule

__all__ = ["check"]


def check(intent: CertificateIntent, targets: Targets, resolve: Callable[[str], Secret]) -> None:
    """Raises what an attempt would raise on its way: an unknown solver, target or field, a missing secret."""
    keys = [spec.key for spec in intent.targets]
    if len(keys) != len(set(keys)):
        raise EvercertError(
            "bad-input", "two targets have one name", name=intent.name, hint="tell them apart: --deploy PLUGIN:LABEL"
        )
    try:
        for rule in intent.challenges:
            check_rule(rule, resolve)
        for key in keys:
            targets.target(intent, key)
    except EvercertError as error:
        raise error.about(name=intent.name) from error
