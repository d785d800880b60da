"""The places where a certificate is installed, made from what the intent says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.deploy.generations import folder_name
from evercert.host.files import make_private_dir
from evercert.model.intent import CertificateIntent, TargetSpec
from evercert.plugins import registry
from evercert.plugins.contracts import ChallengeRoute, Foresight, Ports, Rehearsal, Target
from evercert.plugins.info import Options, PluginKind

__all__ = ["Targets"]


@dataclass(frozen=True, slots=True)
class Targets:
    """Owned by the engine. `state` holds one private folder per certificate and target."""

    ports: Ports
    state: Path
    resolve: Callable[[str], Secret]
    load: Callable[[PluginKind, str], Any] = registry.load

    def target(self, intent: CertificateIntent, key: str) -> Target:
        """The target of that key; raises `not-found` if the intent no longer names it."""
        spec = next((spec for spec in intent.targets if spec.key == key), None)
        if spec is None:
            raise EvercertError("not-found", f"{key} is not a target of this certificate", name=intent.name)
        return self._make(spec, self._folder(intent, spec), makes_folder=True)

    def rehearsal(self, intent: CertificateIntent, spec: TargetSpec) -> Rehearsal | None:
        """One of its targets to look at, where it can tell before what would fail; makes nothing."""
        if not hasattr(self.load(PluginKind.DEPLOY, spec.plugin), "rehearse"):
            return None
        return cast(Rehearsal, self._make(spec, self._folder(intent, spec), makes_folder=False))

    def check(self, intent: CertificateIntent) -> None:
        """Raises what `target` would raise for any of the intent's targets; makes nothing."""
        for spec in intent.targets:
            self.check_spec(spec)

    def check_spec(self, spec: TargetSpec) -> None:
        """The same of one target."""
        self._make(spec, self.state, makes_folder=False)
        registry.options(self.load(PluginKind.DEPLOY, spec.plugin).info, spec.options, self.resolve).check()

    def doubts(self, spec: TargetSpec) -> Sequence[EvercertError]:
        """What of its fields will keep it from installing anything on this machine, where it can tell. Makes nothing,
        starts nothing."""
        target = self._make(spec, self.state, makes_folder=False)
        with suppress(Exception):  # a stranger's plugin may raise anything, and tell what is no doubt
            if hasattr(target, "doubts"):
                told: Iterable[object] = cast(Foresight, target).doubts()
                return [each for each in told if isinstance(each, EvercertError)]
        return ()

    def route(self, intent: CertificateIntent) -> ChallengeRoute | None:
        """The way to port 80 that one of the targets offers, if one does. One that cannot be made offers none, and is
        told of when something is to be installed there: it keeps no certificate from being issued."""
        for spec in intent.targets:
            with suppress(Exception):  # a stranger's plugin may raise anything
                if hasattr(self.load(PluginKind.DEPLOY, spec.plugin), "open_route"):
                    return cast(ChallengeRoute, self.target(intent, spec.key))
        return None

    def _folder(self, intent: CertificateIntent, spec: TargetSpec) -> Path:
        return self.state / folder_name(intent.name) / folder_name(spec.key)

    def _make(self, spec: TargetSpec, state: Path, *, makes_folder: bool) -> Target:
        plugin = self.load(PluginKind.DEPLOY, spec.plugin)
        options = registry.options(plugin.info, spec.options, self.resolve)
        # Two folders and two flushes of the disk, which a target that keeps nothing there does not cost.
        if makes_folder and getattr(plugin, "keeps_state", _always)(options):
            make_private_dir(state)
        try:
            return cast(Target, plugin(options, self.ports, state))
        except EvercertError:
            raise
        except Exception as error:  # a stranger's plugin may raise anything
            words = f"the deploy target {spec.plugin!r} cannot be made: {type(error).__name__}"
            raise EvercertError(
                "bad-input", words, hint=f"it comes from {plugin.__module__}; report it there"
            ) from error


def _always(options: Options) -> bool:
    return True
