"""The CA's settings hold the profiles: a mistake in one is a mistake in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.setup.settings import load_ca_settings


def settings_file(folder: Path, more: str) -> Path:
    file = folder / "ca.toml"
    file.write_text(f'url = "https://ca.test"\n{more}')
    return file


def test_profiles_of_the_file_are_offered_and_without_any_the_built_in_ones(tmp_path: Path) -> None:
    assert load_ca_settings(settings_file(tmp_path, "")).profiles_in_force() == BUILT_IN
    own = 'default_profile = "web"\n[profiles.web]\nlife = "10d"\n'
    assert load_ca_settings(settings_file(tmp_path, own)).profiles_in_force().keys() == {"web"}


def test_a_fault_in_a_profile_is_said_with_the_file(tmp_path: Path) -> None:
    file = settings_file(tmp_path, '[profiles.default]\nlifes = "10d"\n')
    with pytest.raises(EvercertError) as caught:
        load_ca_settings(file)
    assert caught.value.message == f"{file}: profiles.default.lifes: there is no such key; did you mean life?"


def test_the_default_profile_has_to_be_one_of_them(tmp_path: Path) -> None:
    file = settings_file(tmp_path, '[profiles.web]\nlife = "10d"\n')
    with pytest.raises(EvercertError) as caught:
        load_ca_settings(file)
    assert caught.value.message == f"{file}: default_profile: there is no such profile"
    assert caught.value.hint == "there are web"
