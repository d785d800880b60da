"""What is taken over from acme.sh's folder, and that nothing in it is run."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from evercert.migrate.acme_sh import read_acme_sh
from evercert.model.intent import ChallengeRule
from evercert.pki.cert import read_certificate
from tests.migrate import trees


def test_a_certificate_comes_with_names_key_chain_and_how_it_was_proved(tmp_path: Path) -> None:
    trees.acme_sh_home(tmp_path)
    trees.acme_sh_certificate(tmp_path, "a.test", "www.a.test", "/var/www")
    imported = read_acme_sh(tmp_path)
    (certificate,) = imported.certificates
    assert imported.remarks == ()
    assert (certificate.name, [str(name) for name in certificate.identifiers]) == ("a.test", ["a.test", "www.a.test"])
    assert (certificate.ca, certificate.account_url) == (trees.DIRECTORY, "https://127.0.0.1:14000/my-account/7")
    assert certificate.key.spki == read_certificate(certificate.chain[0]).spki
    assert certificate.challenges == (ChallengeRule("http-01", "webroot", {"root": "/var/www"}),)


def test_an_account_comes_with_the_directory_that_certificates_name(tmp_path: Path) -> None:
    trees.acme_sh_home(tmp_path)
    trees.acme_sh_certificate(tmp_path, "a.test", "no", "no")
    (account,) = read_acme_sh(tmp_path).accounts
    assert (account.ca, account.url) == (trees.DIRECTORY, "https://127.0.0.1:14000/my-account/7")
    assert account.contacts == ("mailto:a@example.test",)


def test_without_a_certificate_the_directory_is_told_by_the_folder(tmp_path: Path) -> None:
    trees.acme_sh_home(tmp_path)
    assert [account.ca for account in read_acme_sh(tmp_path).accounts] == ["https://127.0.0.1/dir"]


@pytest.mark.parametrize(
    ("webroot", "rules"),
    [
        ("no", [ChallengeRule("http-01", "standalone")]),
        ("alpn", [ChallengeRule("tls-alpn-01", "standalone")]),
        ("dns_cf", [ChallengeRule("dns-01", "cloudflare")]),
        ("dns_gandi_livedns", [ChallengeRule("dns-01", "lexicon", {"provider": "gandi"})]),
        ("nginx:", [ChallengeRule("http-01", "auto")]),
        ("/srv/a,dns_aws", [ChallengeRule("http-01", "webroot", {"root": "/srv/a"}, "a.test"),
                            ChallengeRule("dns-01", "route53", {}, "b.test"),
                            ChallengeRule("dns-01", "route53", {}, "*.a.test")]),
        ("dns", []),
        ("stateless", []),
        ("dns_unheard_of", []),
        ("dns_", []),
    ],
)  # fmt: skip
def test_each_mode_becomes_a_challenge_rule(tmp_path: Path, webroot: str, rules: list[ChallengeRule]) -> None:
    trees.acme_sh_certificate(tmp_path, "a.test", "*.a.test,b.test", webroot)
    (certificate,) = read_acme_sh(tmp_path).certificates
    assert list(certificate.challenges) == rules
    assert bool(rules) != any("say how" in note for note in certificate.notes)


def test_rsa_and_elliptic_certificates_of_one_domain_keep_apart(tmp_path: Path) -> None:
    trees.acme_sh_certificate(tmp_path, "a.test", "no", "no", ecc=True)
    trees.acme_sh_certificate(tmp_path, "a.test", "no", "no", ecc=False)
    trees.acme_sh_certificate(tmp_path, "b.test", "no", "no", ecc=True)
    assert [certificate.name for certificate in read_acme_sh(tmp_path).certificates] == [
        "a.test",
        "a.test_ecc",
        "b.test",
    ]


def test_commands_are_named_and_neither_run_nor_shown(tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    wrapped = base64.b64encode(f"touch {marker}; s3cr3t".encode()).decode()
    more = (
        f"Le_ReloadCmd='__ACME_BASE64__START_{wrapped}__ACME_BASE64__END_'\nX=$(touch {marker})\n"
        f"Le_RealKeyPath='/etc/ssl/a.key'\n`touch {marker}`\n"
    )
    trees.acme_sh_certificate(tmp_path, "a.test", "no", "no", more)
    (certificate,) = read_acme_sh(tmp_path).certificates
    assert any("reloadcmd" in note for note in certificate.notes)
    assert any("installed elsewhere" in note for note in certificate.notes)
    assert "s3cr3t" not in repr(certificate)
    assert not marker.exists()


def test_no_secret_of_account_conf_is_taken_over(tmp_path: Path) -> None:
    trees.acme_sh_home(tmp_path)
    trees.acme_sh_certificate(tmp_path, "a.test", "no", "dns_cf")
    imported = read_acme_sh(tmp_path)
    assert "s3cr3t" not in repr(imported)
    assert any("account.conf" in note for note in imported.certificates[0].notes)


def test_a_certificate_whose_key_is_missing_keeps_its_names(tmp_path: Path) -> None:
    trees.acme_sh_certificate(tmp_path, "a.test", "b.test", "no")
    for path in (tmp_path / "a.test_ecc").glob("*.[kc]e[ry]"):
        path.unlink()
    imported = read_acme_sh(tmp_path)
    assert [str(name) for name in imported.certificates[0].identifiers] == ["a.test", "b.test"]
    assert imported.remarks


def test_another_folder_for_certificates_is_pointed_out(tmp_path: Path) -> None:
    trees.acme_sh_home(tmp_path)
    with (tmp_path / "account.conf").open("a") as file:
        file.write("CERT_HOME='/data/certs'\n")
    assert any("CERT_HOME" in remark for remark in read_acme_sh(tmp_path).remarks)
