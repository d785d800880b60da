"""The gate at a CA's start, and what an operator's list of known keys does there."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.ca.profiles.known_keys import known_keys
from evercert.ca.profiles.linted import linted_profiles
from evercert.pki.weak import weakness
from tests.ca.profiles.test_gate import DEFAULT, ISSUER, TWICE, gate
from tests.ca.profiles.test_leaf import NOW
from tests.pki.test_weak import number, records
from tests.pki.weak_moduli import rsa_spki, sound_modulus

BOTH = {"default": DEFAULT, "twice": TWICE}


def test_what_may_not_sign_is_left_out_and_the_log_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        left = linted_profiles(gate(), tmp_path / "linted.json", BOTH, [ISSUER], NOW, needed="default")
    assert left == {"default": DEFAULT}
    assert "pkilint refuses the profile twice under the issuer first: pkix.duplicate" in caplog.text


def test_the_default_profile_has_to_be_right(tmp_path: Path) -> None:
    with pytest.raises(EvercertError, match="pkilint refuses the profile twice"):
        linted_profiles(gate(), tmp_path / "linted.json", BOTH, [ISSUER], NOW, needed="twice")


def test_a_second_start_looks_at_nothing_again(tmp_path: Path) -> None:
    file = tmp_path / "linted.json"
    linted_profiles(gate(), file, {"default": DEFAULT}, [ISSUER], NOW, needed="default")
    written, second = file.read_bytes(), gate()
    linted_profiles(second, file, {"default": DEFAULT}, [ISSUER], NOW, needed="default")
    assert second.passed == set(json.loads(written))
    assert file.read_bytes() == written
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damaged", [b"", b"[", b'{"a": 1}', b"\xff", b"[1]"])
def test_a_damaged_memory_is_none(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "linted.json"
    file.write_bytes(damaged)
    assert linted_profiles(gate(), file, BOTH, [ISSUER], NOW, needed="default") == {"default": DEFAULT}
    assert len(json.loads(file.read_bytes())) == 1


def test_a_list_of_known_keys_is_read_with_its_collections_names(tmp_path: Path) -> None:
    file, modulus = tmp_path / "blocklist.dat", sound_modulus()
    file.write_bytes(records(number(modulus), collection=2))
    assert "collection 2" in weakness(rsa_spki(modulus), known_keys(file))
    about = {"bkformat": 0, "blocklists": [{"id": 2, "name": "debianssl", "type": "github"}]}
    file.with_name("badkeysdata.json").write_text(json.dumps(about))
    assert "debianssl" in weakness(rsa_spki(modulus), known_keys(file))


def test_a_list_of_known_keys_may_be_empty_and_has_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "blocklist.dat"
    with pytest.raises(EvercertError, match="cannot be read"):
        known_keys(file)
    file.write_bytes(b"")
    assert len(known_keys(file)) == 0
    file.write_bytes(b"no list")
    with pytest.raises(EvercertError, match="multiple of 16"):
        known_keys(file)
    file.write_bytes(bytes(32))
    file.with_name("badkeysdata.json").write_text("[]")
    with pytest.raises(EvercertError, match="not what badkeys writes"):
        known_keys(file)
