"""What certificates point to, and what an operator may not decide about their status."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.ca.links import PublicLinks
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.setup.settings import load_ca_settings
from evercert.ca.status.places import key_at, path_of
from evercert.ca.status.rules import StatusRules
from evercert.ca.store.crls import ListKey
from tests.ca.status.given import BASE, issuer


def test_a_profile_that_wants_them_gets_the_list_the_responder_and_the_issuer() -> None:
    links = PublicLinks(BASE).leaf_links(issuer(), BUILT_IN["default"], 7)
    assert links == {
        "issuer_urls": ("http://ca.test/issuer/one.der",),
        "crl_urls": ("http://ca.test/crl/one/whole.crl",),
        "ocsp_urls": ("http://ca.test/ocsp",),
    }
    assert set(PublicLinks(BASE).leaf_links(issuer(), BUILT_IN["shortlived"], 7)) == {"issuer_urls"}


def test_a_ca_that_nobody_reaches_without_tls_points_nowhere() -> None:
    assert PublicLinks("").leaf_links(issuer(), BUILT_IN["default"], 7) == {}


def test_a_ca_without_a_responder_does_not_point_to_one() -> None:
    assert "ocsp_urls" not in PublicLinks(BASE, StatusRules(ocsp=False)).leaf_links(issuer(), BUILT_IN["default"], 7)


def test_parts_are_numbered_from_one_and_grow_alike() -> None:
    links = PublicLinks(BASE, StatusRules(partitions=4))
    assert {links.crl_partition(serial) for serial in range(1000)} == {1, 2, 3, 4}
    assert links.leaf_links(issuer(), BUILT_IN["default"], 6)["crl_urls"] == ("http://ca.test/crl/one/3.crl",)


@pytest.mark.parametrize(
    "key", [ListKey("a"), ListKey("a b/c%", 7), ListKey("ü", 4096, True), ListKey("-delta", 0, True)]
)
def test_a_path_leads_back_to_its_list(key: ListKey) -> None:
    assert key_at(path_of(key)) == key
    assert path_of(key).isascii()


def settings(folder: Path, text: str) -> StatusRules:
    file = folder / "ca.toml"
    file.write_text(f'url = "https://ca.test"\nplain_url = "http://ca.test"\n{text}')
    return load_ca_settings(file).status_rules()


def test_the_operator_decides_how_status_is_told(tmp_path: Path) -> None:
    text = '[crl]\nlife = "2d"\nevery = "1d"\ndelta_every = "2h"\npartitions = 16\n'
    text += '[ocsp]\nlife = "1h"\nresponder = "delegated"\npresign = true\n'
    day, hour = timedelta(days=1), timedelta(hours=1)
    rules = settings(tmp_path, text)
    assert rules == StatusRules(16, 2 * day, day, 2 * hour, True, hour, "delegated", True)
    assert settings(tmp_path, "") == StatusRules()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[crl]\nevery = "2d"', "crl.every: it is at most half of crl.life"),
        ('[crl]\nlife = "30s"\nevery = "1s"', "crl.life: it is at least a minute"),
        ('[ocsp]\nlife = "0s"', "ocsp.life: it is at least a minute"),
        ('[crl]\ndelta_every = "13h"', "crl.delta_every: deltas come more often than whole lists"),
        ("[crl]\npartitions = -1", "crl.partitions: "),
        ("[crl]\npartitions = 100000", "crl.partitions: "),
        ('[crl]\nevry = "1h"', "crl.evry: there is no such setting"),
        ('[ocsp]\nresponder = "nobody"', "ocsp.responder: "),
    ],
)
def test_what_does_not_go_together_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(EvercertError, match=said):
        settings(tmp_path, text)


@pytest.mark.parametrize("text", ["[crl]\npartitions = 2", '[crl]\ndelta_every = "1h"'])
def test_parts_and_deltas_want_a_place_where_they_are_found(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ca.toml"
    file.write_text(f'url = "https://ca.test"\n{text}\n')
    with pytest.raises(EvercertError, match="there is no plain_url"):
        load_ca_settings(file)


@pytest.mark.parametrize("url", ["https://ca.test", "ca.test", "http://"])
def test_what_is_needed_before_tls_is_not_behind_it(tmp_path: Path, url: str) -> None:
    file = tmp_path / "ca.toml"
    file.write_text(f'url = "https://ca.test"\nplain_url = "{url}"\n')
    with pytest.raises(EvercertError, match="plain_url: it is not http://HOST:PORT"):
        load_ca_settings(file)


@pytest.mark.parametrize("issuer", ["a%00", "%0A", "%C2%85"])
def test_a_name_that_no_issuer_has_leads_to_no_list(issuer: str) -> None:
    assert key_at(f"/crl/{issuer}/whole.crl") is None
