"""What is taken over from lego's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.migrate.lego import read_lego
from evercert.pki.cert import read_certificate
from evercert.pki.keys import KeyType
from tests.migrate import trees


@pytest.mark.parametrize("version", [4, 5])
def test_a_certificate_comes_with_names_key_and_chain(tmp_path: Path, version: int) -> None:
    trees.lego_account(tmp_path, version)
    trees.lego_certificate(tmp_path, "a.test", "www.a.test", version=version)
    imported = read_lego(tmp_path)
    (certificate,) = imported.certificates
    assert imported.remarks == ()
    assert [str(name) for name in certificate.identifiers] == ["a.test", "www.a.test"]
    assert certificate.key.spki == read_certificate(certificate.chain[0]).spki
    assert certificate.account_url == "https://127.0.0.1:14000/my-account/22"
    assert any("does not record" in note for note in certificate.notes)


def test_the_issuer_is_added_where_lego_kept_it_apart_and_only_then(tmp_path: Path) -> None:
    trees.lego_certificate(tmp_path, "a.test", bundle=False)
    trees.lego_certificate(tmp_path, "b.test", bundle=True)
    assert [len(certificate.chain) for certificate in read_lego(tmp_path).certificates] == [2, 2]


def test_version_5_tells_the_directory_and_version_4_does_not(tmp_path: Path) -> None:
    for version, ca in {4: "", 5: trees.DIRECTORY}.items():
        root = tmp_path / str(version)
        trees.lego_account(root, version)
        (account,) = read_lego(root).accounts
        assert (account.ca, account.contacts) == (ca, ("mailto:a@example.test",))
        assert account.key.type is KeyType.EC256


def test_the_directory_of_a_known_ca_is_told_by_its_host(tmp_path: Path) -> None:
    trees.lego_account(tmp_path, server="acme-v02.api.letsencrypt.org")
    (account,) = read_lego(tmp_path).accounts
    assert account.ca == "https://acme-v02.api.letsencrypt.org/directory"


def test_a_wildcard_is_called_by_its_name_and_not_by_its_file(tmp_path: Path) -> None:
    trees.lego_certificate(tmp_path, "*.a.test")
    (certificate,) = read_lego(tmp_path).certificates
    assert (certificate.name, str(certificate.identifiers[0])) == ("*.a.test", "*.a.test")


def test_a_broken_certificate_keeps_the_names_that_are_written_beside_it(tmp_path: Path) -> None:
    trees.lego_certificate(tmp_path, "a.test", "www.a.test", version=5)
    (tmp_path / "certificates/a.test.crt").write_text("")
    imported = read_lego(tmp_path)
    assert [str(name) for name in imported.certificates[0].identifiers] == ["a.test", "www.a.test"]
    assert imported.certificates[0].key is None
    assert imported.remarks


def test_broken_entries_are_remarked_and_the_others_are_read(tmp_path: Path) -> None:
    trees.lego_account(tmp_path)
    trees.lego_certificate(tmp_path, "a.test")
    trees.lego_certificate(tmp_path, "b.test")
    (tmp_path / "certificates/b.test.json").write_text('{"domain": 7}')
    (tmp_path / "certificates/b.test.crt").write_text("")
    (tmp_path / "accounts/127.0.0.1_14000/a@example.test/keys/a@example.test.key").unlink()
    imported = read_lego(tmp_path)
    assert [certificate.name for certificate in imported.certificates] == ["a.test"]
    assert imported.accounts == ()
    assert len(imported.remarks) >= 3
