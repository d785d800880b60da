"""The places of an intent: a stranger's target that cannot be made is told by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from evercert.base.secret import Secret
from evercert.engine.targets import Targets
from evercert.host.programs import SystemPrograms
from evercert.model.intent import CertificateIntent, TargetSpec
from evercert.net.dns import DnsResolver
from evercert.plugins.contracts import Ports
from tests.fakes.clock import FakeClock
from tests.fakes.stranger import installed_package
from tests.fakes.transport import FakeTransport

BROKEN = """
from evercert.plugins.info import PluginInfo, PluginKind

class Box:
    info = PluginInfo("box", PluginKind.DEPLOY, "a box")

    def __init__(self, options, ports, state):
        raise KeyError("hunter2")
"""


DOUBTING = """
from evercert.base.errors import EvercertError
from evercert.plugins.info import PluginInfo, PluginKind

class Silent:
    info = PluginInfo("silent", PluginKind.DEPLOY, "a box that cannot tell")

    def __init__(self, options, ports, state):
        pass

class Failing(Silent):
    def doubts(self):
        raise KeyError("hunter2")

class Empty(Silent):
    def doubts(self):
        return None

class Breaking(Silent):
    def doubts(self):
        yield EvercertError("bad-input", "door: it is shut")
        raise KeyError("hunter2")

class Talking(Silent):
    def doubts(self):
        return ["door: it is shut", EvercertError("bad-input", "door: it is locked")]
"""


def nobody(request: Request) -> Response:
    raise NetworkFailure("unreachable", "there is no network")


def test_a_target_that_cannot_be_made_is_told_by_name(tmp_path: Path) -> None:
    ports = Ports(FakeTransport(nobody), DnsResolver(), SystemPrograms(), FakeClock())
    targets = Targets(ports, tmp_path, lambda reference: Secret(b""))
    intent = CertificateIntent(name="a.test", identifiers=(), ca="", targets=(TargetSpec("box"),))
    with (
        installed_package(tmp_path, {"their_target": BROKEN}, "[evercert.deploy]\nbox = their_target:Box\n"),
        pytest.raises(EvercertError, match="the deploy target 'box' cannot be made: KeyError") as caught,
    ):
        targets.check(intent)
    assert "their_target" in caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [("Silent", []), ("Failing", []), ("Empty", []), ("Breaking", []), ("Talking", ["door: it is locked"])],
)
def test_what_a_target_tells_that_breaks_its_contract_is_left_out(tmp_path: Path, name: str, told: list[str]) -> None:
    ports = Ports(FakeTransport(nobody), DnsResolver(), SystemPrograms(), FakeClock())
    targets = Targets(ports, tmp_path, lambda reference: Secret(b""))
    with installed_package(tmp_path, {"doubting": DOUBTING}, f"[evercert.deploy]\nbox = doubting:{name}\n"):
        assert [each.message for each in targets.doubts(TargetSpec("box"))] == told
