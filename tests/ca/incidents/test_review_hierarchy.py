"""A CA's folder after a death on the way, and issuers that must not sign any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.issuing.loading import load_issuers, load_root
from evercert.ca.setup.founding import Founding, found
from evercert.pki.cert import parsed
from evercert.pki.keys import PrivateKey
from evercert.pki.seal import Sealer
from tests.ca.given import in_no_token
from tests.fakes.clock import FakeClock

NOW = FakeClock().now()
FOUNDING = Founding("Test", root_passphrase=Secret("test"))


def loaded(folder: Path) -> Issuers:
    return load_issuers(folder, (), Sealer(Secret((folder / "master.key").read_bytes())), no_token)


def no_token(uri: str) -> PrivateKey:
    raise AssertionError(uri)


def test_a_founding_that_died_before_its_last_file_is_done_again(tmp_path: Path) -> None:
    """The first issuer of the dead one stood in its way, and its root's key was lost or of no use."""
    found(tmp_path, FOUNDING, in_no_token, NOW, Random(1))
    (tmp_path / "root.pem").unlink()
    found(tmp_path, FOUNDING, in_no_token, NOW, Random(2))
    (issuer,) = loaded(tmp_path)
    parsed(issuer.signer.certificate).verify_directly_issued_by(parsed(load_root(tmp_path)))


def test_a_store_without_a_root_is_nothing_to_found_a_ca_on(tmp_path: Path) -> None:
    found(tmp_path, FOUNDING, in_no_token, NOW, Random(1))
    (tmp_path / "root.pem").unlink()
    (tmp_path / "ca.db").touch()
    before = (tmp_path / "issuers/issuing-1/key.sealed").read_bytes()
    with pytest.raises(EvercertError, match="holds a CA already"):
        found(tmp_path, FOUNDING, in_no_token, NOW, Random(2))
    assert (tmp_path / "issuers/issuing-1/key.sealed").read_bytes() == before


def test_an_issuer_has_the_key_that_was_made_for_it(tmp_path: Path) -> None:
    """An attempt with a token had died before, and its URI lay where a sealed key's issuer was made then."""
    place = tmp_path / "issuers/issuing-1"
    place.mkdir(parents=True, mode=0o700)
    (place / "key.uri").write_text("pkcs11:token=gone")
    found(tmp_path, FOUNDING, in_no_token, NOW, Random(1))
    assert [each.name for each in loaded(tmp_path)] == ["issuing-1"]


def test_a_retired_issuer_signs_nothing_new_although_a_profile_names_it(tmp_path: Path) -> None:
    """It did, and pkilint had not looked at what, since it looks at those that sign."""
    found(tmp_path, FOUNDING, in_no_token, NOW, Random(1))
    (one,) = loaded(tmp_path)
    issuers = Issuers([replace(one, name="other"), replace(one, active=False)])
    with pytest.raises(EvercertError, match="retired"):
        issuers.for_profile(one.name, NOW)
    assert issuers.for_profile("other", NOW).name == issuers.for_profile("", NOW).name == "other"
    with pytest.raises(EvercertError, match="outside of its life"):
        issuers.for_profile("other", one.signer.not_after)
