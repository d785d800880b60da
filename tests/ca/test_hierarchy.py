"""Issuers that come and go, overlapping; and every key type that a hierarchy can have."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.issuing.loading import load_issuers, load_root
from evercert.ca.setup.founding import Founding, found
from evercert.ca.setup.hierarchy import NewIssuer, add_issuer, cross_sign_issuer, retire_issuer, root_signer
from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from evercert.pki.hsm.opening import Tokens
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey
from evercert.pki.seal import Sealer
from evercert.pki.signer import Signer
from tests.ca.given import a_ca, in_no_token
from tests.ca.protocol.test_certificates import csr_for, issued, ready
from tests.ca.protocol.wire import Wire, read
from tests.fakes.clock import FakeClock
from tests.peers.softhsm import SoftHsm
from tests.pki.linting import assert_clean

NOW = FakeClock().now()
WORD = Secret("test")


def no_token(uri: str) -> PrivateKey:
    raise AssertionError(uri)


def sealer_of(folder: Path) -> Sealer:
    return Sealer(Secret((folder / "master.key").read_bytes()))


def root_of(folder: Path) -> Signer:
    return root_signer(load_root(folder), folder / "offline" / "root.key.pem", WORD)


def added(folder: Path, name: str, **more: object) -> bytes:
    later = NOW + timedelta(days=1)
    new = NewIssuer(name, (("CN", name),), **more)  # type: ignore[arg-type]
    return add_issuer(folder, new, root_of(folder), sealer_of(folder), in_no_token, later, Random(2))


def loaded(folder: Path, *active: str) -> Issuers:
    return load_issuers(folder, active, sealer_of(folder), no_token)


async def test_a_newer_issuer_signs_and_the_older_ones_certificates_live_on(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    async with a_ca(folder) as world:
        wire = Wire(world.node.site)
        before = await issued(world, wire, "old.example.test")
    added(folder, "issuing-2")
    async with a_ca(folder) as world:
        world.clock.advance(timedelta(days=2))
        wire = Wire(world.node.site, wire.key, wire.kid)
        order = await ready(world, wire, "new.example.test")
        done = read(await wire.post(order["finalize"], csr_for("new.example.test")))
        leaf, above = split_pem((await wire.post(done["certificate"])).body)
        old = world.node.desk.urls.certificate(read_certificate(before).serial)
        assert (await wire.post(old)).status == 200
    assert read_certificate(above).subject == "issuing-2"
    assert_clean(leaf, above)


def test_a_retired_issuer_signs_nothing_new_and_is_still_there(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    found(folder, Founding("Test", root_passphrase=WORD), in_no_token, NOW, Random(1))
    added(folder, "issuing-2")
    later = NOW + timedelta(days=2)
    assert loaded(folder).for_profile("", later).name == "issuing-2"
    assert loaded(folder, "issuing-1").for_profile("", later).name == "issuing-1"
    retire_issuer(folder, "issuing-2")
    assert loaded(folder).for_profile("", later).name == "issuing-1"
    assert loaded(folder).named("issuing-2").active is False
    for act in (lambda: retire_issuer(folder, "nothing"), lambda: retire_issuer(folder, "../../etc")):
        with pytest.raises(EvercertError):
            act()
    with pytest.raises(EvercertError, match="already"):
        added(folder, "issuing-2")


async def test_a_cross_signed_issuer_is_offered_with_both_chains(tmp_path: Path) -> None:
    folder, other = tmp_path / "ca", tmp_path / "other"
    found(other, Founding("Other", root_passphrase=WORD), in_no_token, NOW, Random(1))
    async with a_ca(folder):
        pass
    cross_sign_issuer(folder, "issuing-1", root_of(other), NOW, Random(3))
    async with a_ca(folder) as world:
        client = await world.registered()
        order = await world.obtain(client, "www.example.test")
        own, others = await client.chains(order, alternates=True)
    assert own[0] == others[0]
    assert [read_certificate(chain[1]).issuer for chain in (own, others)] == ["Test Root", "Other Root"]
    assert_clean(others[1], load_root(other))


@pytest.mark.parametrize(
    "key_type", [KeyType.EC384, KeyType.RSA2048, KeyType.ED25519, KeyType.MLDSA44, KeyType.MLDSA65]
)
def test_a_hierarchy_may_be_of_any_key_type(tmp_path: Path, key_type: KeyType) -> None:
    founding = Founding("Test", root_key=key_type, issuer_key=key_type, root_passphrase=WORD)
    founded = found(tmp_path / "ca", founding, in_no_token, NOW, Random(1))
    (issuer,) = loaded(tmp_path / "ca")
    assert issuer.signer.key.type is key_type
    assert_clean(issuer.signer.certificate, founded.root)


def test_an_issuers_key_may_be_made_in_a_token_that_it_never_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hsm").mkdir()
    hsm = SoftHsm(tmp_path / "hsm")
    monkeypatch.setenv("SOFTHSM2_CONF", hsm.environ["SOFTHSM2_CONF"])
    with closing(Tokens(lambda reference: Secret(hsm.pin))) as tokens:
        uri = hsm.uri("ca-key")
        founding = Founding("Test", issuer_token=uri, root_passphrase=WORD)
        found(tmp_path / "ca", founding, tokens.create, NOW, Random(1))
        assert not (tmp_path / "ca" / "issuers" / "issuing-1" / "key.sealed").exists()
        (issuer,) = load_issuers(tmp_path / "ca", (), sealer_of(tmp_path / "ca"), tokens.load)
        assert issuer.wants_thread
        assert issuer.signer.key.is_in_token


def test_an_attempt_that_died_on_its_way_is_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    folder.mkdir()
    found(tmp_path / "first", Founding("Test", root_passphrase=WORD), in_no_token, NOW, Random(1))
    (folder / "master.key").write_bytes((tmp_path / "first" / "master.key").read_bytes())
    founded = found(folder, Founding("Test", root_passphrase=WORD), in_no_token, NOW, Random(1))
    assert load_root(folder) == founded.root
    with pytest.raises(EvercertError, match="already"):
        found(folder, Founding("Test", root_passphrase=WORD), in_no_token, NOW, Random(1))
