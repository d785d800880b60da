"""The places where a certificate is installed, made from what the intent says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.host.files import make_private_dir
from evercert.model.intent import CertificateIntent, TargetSpec
from evercert.plugins import registry
from evercert.plugins.contracts import ChallengeRoute, Ports, Target
from evercert.plugins.info import PluginKind

__all__ = ["Targets"]


@dataclass(frozen=True, slots=True)
class Targets:
    """Owned by the engine. `state` holds one private folder per certificate and target."""

    ports: Ports
    state: Path
    resolve: Callable[[str], Secret]

    def target(self, intent: CertificateIntent, key: str) -> Target:
        """The target of that key; raises `not-found` if the intent no longer names it."""
        spec = next((spec for spec in intent.targets if spec.key == key), None)
        if spec is None:
            raise EvercertError("not-found", f"{key} is not a target of this certificate", name=intent.name)
        return self._make(intent, spec)

    def route(self, intent: CertificateIntent) -> ChallengeRoute | None:
        """The way to port 80 that one of the targets offers, if one does."""
        for spec in intent.targets:
            target = self._make(intent, spec)
            if hasattr(target, "open_route") and hasattr(target, "close_route"):
                return cast(ChallengeRoute, target)
        return None

    def _make(self, intent: CertificateIntent, spec: TargetSpec) -> Target:
        plugin = registry.load(PluginKind.DEPLOY, spec.plugin)
        options = registry.options(plugin.info, spec.options, self.resolve)
        state = self.state / intent.name.replace("*", "_") / spec.key
        make_private_dir(state)
        return cast(Target, plugin(options, self.ports, state))
