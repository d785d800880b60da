"""Which CA a word means that is typed: a declared name, a known id, or a URL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest

from evercert.acme.cas import known_ca
from evercert.base.errors import EvercertError
from evercert.config.declaration.ca_names import ca_called
from evercert.config.declaration.faults import Faulty
from evercert.config.settings import Settings, load_settings
from evercert.model.terms import CaChoice

CORP = "https://ca.corp.test/directory"
DECLARED = f"""
[cas.corp]
directory = "{CORP}"
account = "ops"

[cas.google]
directory = "https://proxy.test/google"

[cas.wrong]
directory = "ftp://ca.test/"

[certificates."a.test"]
cas = ["nowhere"]
nonsense = 1
"""


def called(word: str, settings: Settings) -> CaChoice:
    """Where nothing is warned of."""
    warnings: list[str] = []
    choice = ca_called(word, settings, warnings.append)
    assert not warnings
    return choice


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "evercert.toml"
    file.write_text(DECLARED)
    return replace(load_settings(home=str(tmp_path / "home")), config=str(file))


def test_a_declared_name_goes_before_an_id_and_a_url_is_itself(settings: Settings) -> None:
    assert called("corp", settings) == CaChoice(CORP, "ops")
    assert called("google", settings).directory == "https://proxy.test/google"
    assert called("letsencrypt", settings) == CaChoice(known_ca("letsencrypt").directory)
    assert called("http://old.test/directory", settings) == CaChoice("http://old.test/directory")


def test_a_word_that_is_none_is_told_with_what_was_perhaps_meant(settings: Settings) -> None:
    with pytest.raises(EvercertError) as raised:
        called("corb", settings)
    assert (raised.value.code.name, raised.value.hint) == ("not-found", "did you mean 'corp'?")


def test_a_table_that_is_not_right_and_a_file_that_is_no_toml_are_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Faulty, match=r"cas\.wrong"):
        called("wrong", settings)
    (tmp_path / "evercert.toml").write_text("[cas")
    with pytest.raises(Faulty, match="it is not TOML"):
        called("letsencrypt", settings)
    assert called(CORP, settings) == CaChoice(CORP)


def test_without_a_declaration_there_are_the_known_ones(tmp_path: Path) -> None:
    settings = replace(load_settings(home=str(tmp_path / "home")), config="")
    with chdir(tmp_path):
        assert called("letsencrypt", settings).directory == known_ca("letsencrypt").directory
        with pytest.raises(EvercertError) as raised:
            called("letsencrypte", settings)
    assert raised.value.hint == "did you mean 'letsencrypt'?"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda here: here.write_text("[cas"), "evercert.toml:1:5: it is not TOML: "),
        (lambda here: here.mkdir(), "evercert.toml has no file that ends in .toml"),
    ],
)
def test_a_declaration_that_nobody_named_keeps_no_known_ca_from_being_meant(
    tmp_path: Path, broken: Callable[[Path], object], told: str
) -> None:
    settings, warnings = replace(load_settings(home=str(tmp_path / "home")), config=""), list[str]()
    broken(tmp_path / "evercert.toml")
    with chdir(tmp_path):
        assert ca_called("letsencrypt", settings, warnings.append) == CaChoice(known_ca("letsencrypt").directory)
        with pytest.raises(EvercertError, match=told):
            ca_called("corp", settings, warnings.append)
    (warning,) = warnings
    assert warning.startswith(
        f"'letsencrypt' is taken for the id of a known CA, as the declaration here cannot be read: {told}"
    )
