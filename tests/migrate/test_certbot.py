"""What is taken over from certbot's folder, and what a broken or hostile one does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.migrate.certbot import read_certbot
from evercert.migrate.imported import Imported
from evercert.model.intent import ChallengeRule
from evercert.pki.cert import read_certificate
from evercert.pki.keys import KeyType
from tests.migrate import trees

_SERVER = f"server = {trees.DIRECTORY}\naccount = 1f7dc8210c727aed4384d5398f4cfcec\n"
_STANDALONE = f"{_SERVER}authenticator = standalone\nhttp01_port = 5002\nkey_type = ecdsa\n"


def the_only(imported: Imported):
    (certificate,) = imported.certificates
    return certificate


def test_a_lineage_comes_with_names_key_chain_and_how_it_was_proved(tmp_path: Path) -> None:
    trees.certbot_account(tmp_path)
    trees.certbot_lineage(tmp_path, "site", ("a.test", "www.a.test"), _STANDALONE)
    imported = read_certbot(tmp_path)
    certificate = the_only(imported)
    assert imported.remarks == ()
    assert (certificate.name, [str(name) for name in certificate.identifiers]) == ("site", ["a.test", "www.a.test"])
    assert (certificate.ca, certificate.account_url) == (trees.DIRECTORY, "https://127.0.0.1:14000/my/1")
    assert certificate.key.spki == read_certificate(certificate.chain[0]).spki
    assert len(certificate.chain) == 2
    assert certificate.challenges == (ChallengeRule("http-01", "standalone", {"port": "5002"}),)


def test_the_generation_that_live_links_to_is_taken_and_not_a_newer_leftover(tmp_path: Path) -> None:
    made = trees.certbot_lineage(tmp_path, "site", ("a.test",), _STANDALONE)
    (tmp_path / "archive/site/fullchain10.pem").write_text("cut off")
    assert the_only(read_certbot(tmp_path)).chain
    assert made


def test_a_copy_that_lost_its_links_is_read_from_the_archive(tmp_path: Path) -> None:
    trees.certbot_lineage(tmp_path, "site", ("a.test",), _STANDALONE, links=False)
    assert the_only(read_certbot(tmp_path)).key is not None


def test_an_account_comes_with_its_url_and_key(tmp_path: Path) -> None:
    trees.certbot_account(tmp_path)
    (account,) = read_certbot(tmp_path).accounts
    assert (account.ca, account.url) == (trees.DIRECTORY, "https://127.0.0.1:14000/my/1")
    assert account.key.type is KeyType.RSA2048


def test_accounts_of_the_api_that_ended_are_left_out_with_a_remark(tmp_path: Path) -> None:
    trees.certbot_account(tmp_path, "acme-v01.api.letsencrypt.org/directory")
    imported = read_certbot(tmp_path)
    assert (imported.accounts, len(imported.remarks)) == ((), 1)


def test_accounts_that_are_linked_into_another_ones_folder_are_found(tmp_path: Path) -> None:
    trees.certbot_account(tmp_path, "acme-v01.api.letsencrypt.org/directory")
    link = tmp_path / "accounts" / "acme-v02.api.letsencrypt.org"
    link.mkdir()
    (link / "directory").symlink_to("../acme-v01.api.letsencrypt.org/directory")
    assert [account.ca for account in read_certbot(tmp_path).accounts] == [
        "https://acme-v02.api.letsencrypt.org/directory"
    ]


@pytest.mark.parametrize(
    ("params", "rules"),
    [
        ("authenticator = nginx\ninstaller = nginx\n", [ChallengeRule("http-01", "auto")]),
        ("authenticator = webroot\nwebroot_path = /srv/a,\n[[webroot_map]]\na.test = /srv/a\n",
         [ChallengeRule("http-01", "webroot", {"root": "/srv/a"})]),
        ("authenticator = webroot\n[[webroot_map]]\na.test = /srv/a\nb.test = /srv/b\n",
         [ChallengeRule("http-01", "webroot", {"root": "/srv/a"}, "a.test"),
          ChallengeRule("http-01", "webroot", {"root": "/srv/b"}, "b.test")]),
        ("authenticator = dns-cloudflare\ndns_cloudflare_credentials = /root/cf.ini\n",
         [ChallengeRule("dns-01", "cloudflare")]),
        ("authenticator = certbot-dns-hetzner:dns-hetzner\n",
         [ChallengeRule("dns-01", "lexicon", {"provider": "hetzner"})]),
        ("authenticator = dns-unheard-of\n", []),
        ("authenticator = manual\nmanual_auth_hook = /bin/hook --token s3cr3t\n", []),
    ],
)  # fmt: skip
def test_each_authenticator_becomes_a_challenge_rule(tmp_path: Path, params: str, rules: list[ChallengeRule]) -> None:
    trees.certbot_lineage(tmp_path, "site", ("a.test", "b.test"), _SERVER + params)
    assert list(the_only(read_certbot(tmp_path)).challenges) == rules


def test_what_is_not_taken_over_is_noted_without_its_secrets(tmp_path: Path) -> None:
    params = (
        "authenticator = manual\nmanual_auth_hook = curl -H token:s3cr3t\nrenew_hook = 'echo s3cr3t'\n"
        "installer = nginx\nallow_subset_of_names = True\nautorenew = False\n"
    )
    trees.certbot_lineage(tmp_path, "site", ("a.test",), _SERVER + params)
    notes = the_only(read_certbot(tmp_path)).notes
    for word in ("manual", "renew_hook", "manual_auth_hook", "--deploy nginx", "drop names", "not to renew"):
        assert any(word in note for note in notes), word
    assert "s3cr3t" not in repr(notes)


def test_wishes_are_kept(tmp_path: Path) -> None:
    params = "authenticator = standalone\nreuse_key = True\nmust_staple = True\nrequired_profile = shortlived\n"
    trees.certbot_lineage(tmp_path, "site", ("a.test",), f"{_SERVER}{params}preferred_chain = Root X\n")
    intent = the_only(read_certbot(tmp_path)).intent()
    assert (intent.reuse_key, intent.must_staple, intent.profile, intent.profile_required, intent.preferred_chain) == (
        True, True, "shortlived", True, "Root X",
    )  # fmt: skip


def test_a_key_of_another_certificate_is_not_taken(tmp_path: Path) -> None:
    trees.certbot_lineage(tmp_path, "site", ("a.test",), _STANDALONE)
    (tmp_path / "archive/site/privkey2.pem").write_bytes(trees.pair("other.test").key)
    imported = read_certbot(tmp_path)
    certificate = the_only(imported)
    assert (certificate.key, certificate.chain) == (None, ())
    assert [str(name) for name in certificate.identifiers] == ["a.test"]
    assert "not the key" in imported.remarks[0]


def test_a_lineage_without_files_keeps_the_names_of_its_webroots(tmp_path: Path) -> None:
    params = (
        f"{_SERVER}authenticator = webroot\nkey_type = rsa\nrsa_key_size = 4096\n[[webroot_map]]\na.test = /srv/a\n"
    )
    trees.certbot_lineage(tmp_path, "site", ("a.test",), params, links=False)
    for path in (tmp_path / "archive/site").iterdir():
        path.unlink()
    certificate = the_only(read_certbot(tmp_path))
    assert ([str(name) for name in certificate.identifiers], certificate.key_type) == (["a.test"], KeyType.RSA4096)


def test_one_broken_lineage_is_remarked_and_the_others_are_read(tmp_path: Path) -> None:
    for name in ("a.test", "b.test", "c.test", "d.test"):
        trees.certbot_lineage(tmp_path, name, (name,), _STANDALONE)
    (tmp_path / "renewal/a.test.conf").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "renewal/b.test.conf").write_text("what\n")
    (tmp_path / "archive/c.test/fullchain2.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
    imported = read_certbot(tmp_path)
    assert [certificate.name for certificate in imported.certificates] == ["d.test"]
    assert {remark.split(":")[0] for remark in imported.remarks} == {"a.test", "b.test", "c.test"}


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.pem"
    outside.write_bytes(trees.pair("a.test").key)
    root = tmp_path / "letsencrypt"
    trees.certbot_lineage(root, "site", ("a.test",), _STANDALONE)
    (root / "live/site/privkey.pem").unlink()
    (root / "live/site/privkey.pem").symlink_to(outside)
    imported = read_certbot(root)
    assert the_only(imported).key is None
    assert "leads out of the folder" in imported.remarks[0]


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    trees.certbot_lineage(tmp_path, "site", ("a.test",), _STANDALONE)
    os.mkfifo(tmp_path / "renewal/pipe.conf")
    assert [certificate.name for certificate in read_certbot(tmp_path).certificates] == ["site"]


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    trees.certbot_lineage(tmp_path, "site", ("a.test",), _STANDALONE)
    with (tmp_path / "renewal/big.conf").open("wb") as file:
        file.truncate(1 << 30)
    imported = read_certbot(tmp_path)
    assert len(imported.certificates) == 1
    assert "more than" in imported.remarks[0]


def test_an_account_without_a_usable_key_is_remarked_without_showing_it(tmp_path: Path) -> None:
    folder = tmp_path / "accounts/127.0.0.1:14000/dir"
    name = trees.certbot_account(tmp_path)
    for text in ("{}", '{"kty": "RSA", "n": "c2VjcmV0"}', '"s3cr3t"', "s3cr3t", '{"d": 1}'):
        (folder / name / "private_key.json").write_text(text)
        imported = read_certbot(tmp_path)
        assert (imported.accounts, len(imported.remarks)) == ((), 1)
        assert "s3cr3t" not in imported.remarks[0]
        assert "c2VjcmV0" not in imported.remarks[0]


def test_nothing_of_the_folder_is_changed(tmp_path: Path) -> None:
    trees.certbot_account(tmp_path)
    trees.certbot_lineage(tmp_path, "site", ("a.test",), _STANDALONE)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    read_certbot(tmp_path)
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvercertError) as caught:
        read_certbot(tmp_path / "missing")
    assert caught.value.code.name == "not-found"
