"""Whose folder it is, and that ours and their words for providers agree."""

from __future__ import annotations

import os
from importlib.metadata import files
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.migrate.providers import PROVIDERS
from evercert.migrate.recognize import CLIENTS, read_client
from evercert.plugins.info import PluginKind
from evercert.plugins.registry import names
from tests.migrate import trees


def test_a_folder_is_recognized_by_its_layout(tmp_path: Path) -> None:
    trees.certbot_lineage(tmp_path / "1", "a.test", ("a.test",), "server = x\n")
    trees.lego_certificate(tmp_path / "2", "a.test")
    trees.acme_sh_home(tmp_path / "3")
    assert [read_client(tmp_path / number).client for number in "123"] == list(CLIENTS)


def test_a_folder_of_nobody_is_an_error_that_names_the_clients(tmp_path: Path) -> None:
    with pytest.raises(EvercertError) as caught:
        read_client(tmp_path)
    assert (caught.value.code.name, "certbot" in caught.value.hint) == ("not-found", True)


def test_an_unknown_client_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvercertError, match="no client"):
        read_client(tmp_path, "winacme")


def test_a_folder_that_may_not_be_read_says_who_to_be(tmp_path: Path) -> None:
    trees.certbot_account(tmp_path)
    user = os.geteuid()
    tmp_path.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(EvercertError, match="cannot be read") as caught:
            read_client(tmp_path, "certbot")
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)
    assert "user" in caught.value.hint


def test_every_provider_is_one_that_evercert_or_lexicon_has() -> None:
    assert {provider.ours for provider in PROVIDERS} <= set(names(PluginKind.DNS))
    modules = {file.stem for file in files("dns-lexicon") or () if file.parent.name == "providers"}
    for provider in PROVIDERS:
        assert (provider.ours == "lexicon") == bool(provider.lexicon)
        assert provider.lexicon in {"", *modules}, provider


def test_no_word_of_another_client_has_two_meanings() -> None:
    for words in ([p.certbot for p in PROVIDERS if p.certbot], [p.acme_sh for p in PROVIDERS if p.acme_sh]):
        assert len(words) == len(set(words))
