"""What declarations mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.config.declaration.declared import Declaration, Declared
from evercert.config.declaration.faults import Faulty
from evercert.config.declaration.reading import current_digest, read_declaration
from evercert.config.settings import Settings, load_settings
from evercert.model.access import OwnLimit, Registration
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from evercert.model.terms import CaChoice, Criticality, Freeze, OnRemoval, Window
from evercert.pki.key_type import KeyType
from tests.house.sources import ROOT

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
Read = Callable[[str], Declaration]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=str(tmp_path / "home"))


@pytest.fixture
def read(tmp_path: Path, settings: Settings) -> Read:
    def read(text: str) -> Declaration:
        (tmp_path / "evercert.toml").write_text(text)
        return read_declaration(tmp_path / "evercert.toml", settings)

    return read


def only(declaration: Declaration) -> CertificateIntent:
    [declared] = declaration.certificates
    return declared.intent


def names(declaration: Declaration) -> dict[str, list[str]]:
    return {each.intent.name: [str(name) for name in each.intent.identifiers] for each in declaration.certificates}


def said(declared: Declared) -> dict[str, str]:
    """Where each value comes from, by its key; only those that somebody says."""
    return {wish: origin.key for wish, (_, origin) in declared.said.values().items() if origin}


def first_cas(declaration: Declaration) -> list[str]:
    return [each.intent.ca for each in declaration.certificates]


WEIGHTED = """
[defaults]
cas = ["letsencrypt", "zerossl", "https://private.example/directory"]
ca_weights = [3, 1, 0]
[certificates.fleet]
each = ["n{1..400}.example.com"]
"""


def test_weights_draw_a_first_ca_for_each_certificate_and_the_others_come_after_it(read: Read) -> None:
    declaration = read(WEIGHTED)
    first = first_cas(declaration)
    assert set(first) == {LETS_ENCRYPT, "https://acme.zerossl.com/v2/DV90"}
    assert 260 < first.count(LETS_ENCRYPT) < 340
    for declared in declaration.certificates:
        further = [ca.directory for ca in declared.intent.terms.further_cas]
        assert further[-1] == "https://private.example/directory"
        assert len({declared.intent.ca, *further}) == 3


def test_the_draw_is_the_same_each_time_and_a_changed_weight_moves_only_what_it_must(read: Read) -> None:
    before = first_cas(read(WEIGHTED))
    assert first_cas(read(WEIGHTED)) == before
    after = first_cas(read(WEIGHTED.replace("[3, 1, 0]", "[3, 2, 0]")))
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    # From three of four to three of five: some 60 of 400, and none the other way.
    assert 30 < len(moved) < 90
    assert {old for old, _ in moved} == {LETS_ENCRYPT}


def test_who_names_other_cas_does_not_inherit_the_weights_of_those(read: Read) -> None:
    table = '[certificates."www.example.com"]\ncas = ["https://private.example/directory", "letsencrypt"]\n'
    intent = read(WEIGHTED + table).certificates[-1].intent
    assert intent.ca == "https://private.example/directory"


def test_one_line_is_a_declaration(read: Read, tmp_path: Path) -> None:
    intent = only(read('certificates."www.example.com" = {}'))
    assert (intent.name, [str(each) for each in intent.identifiers]) == ("www.example.com", ["www.example.com"])
    assert (intent.ca, intent.account, intent.key_type) == (LETS_ENCRYPT, "default", KeyType.EC256)
    assert intent.challenges == (ChallengeRule("http-01", "auto"),)
    assert intent.targets == (TargetSpec("files", {"dir": str(tmp_path / "home")}),)


EVERYTHING = """
[defaults]
policy = "web"
owner = "platform"
cas = ["corp", "zerossl"]

[cas.corp]
directory = "https://ca.corp.test/directory"
account = "web"
contacts = ["ops@corp.test"]
eab_kid = "kid"
eab_key = "exec:/usr/bin/pass eab"
ip = 6

[policies.web]
key_type = "rsa3072"
lifetime = "47d"
renew_at = 0.5
ari = false
windows = ["mon-fri 22:00-04:00 Europe/Berlin"]
freezes = [{ from = 2026-12-20, until = 2027-01-05T06:00:00+01:00, reason = "end of year" }]
criticality = "high"
on_removal = "revoke"
tags = ["a", "b"]
targets = ["edge"]

[targets.edge]
plugin = "nginx"
options = { ports = 8443, strict = true }

[certificates.shop]
names = ["shop.example.com", "bücher.example"]
owner = "shop"
profile = "shortlived"
account = "shop"
"""


def test_everything_is_inherited_and_remembers_where_it_came_from(read: Read) -> None:
    declaration = read(EVERYTHING)
    intent, terms = only(declaration), only(declaration).terms
    assert [str(each) for each in intent.identifiers] == ["shop.example.com", "xn--bcher-kva.example"]
    assert (intent.ca, intent.account) == ("https://ca.corp.test/directory", "shop")
    assert terms.further_cas == (CaChoice("https://acme.zerossl.com/v2/DV90", "shop"),)
    assert (intent.key_type, intent.lifetime, intent.profile) == (KeyType.RSA3072, 47 * 86400, "shortlived")
    assert (intent.renew.fraction, intent.renew.use_ari) == (0.5, False)
    assert intent.targets == (TargetSpec("nginx", {"ports": "8443", "strict": "yes"}, "edge"),)
    assert terms.windows == (Window((0, 1, 2, 3, 4), 22 * 60, 4 * 60, "Europe/Berlin"),)
    assert terms.freezes == (
        Freeze(datetime(2026, 12, 20, tzinfo=UTC), datetime(2027, 1, 5, 5, tzinfo=UTC), "end of year"),
    )
    assert (terms.owner, terms.tags) == ("shop", ("a", "b"))
    assert (terms.criticality, terms.on_removal) == (Criticality.HIGH, OnRemoval.REVOKE)
    [declared] = declaration.certificates
    assert said(declared) == {
        "cas": "defaults.cas",
        "owner": "certificates.shop.owner",
        "profile": "certificates.shop.profile",
        "account": "certificates.shop.account",
    } | {
        key: f"policies.web.{key}"
        for key in (
            "key_type", "lifetime", "renew_at", "ari", "windows", "freezes", "criticality", "on_removal", "tags",
            "targets",
        )
    }  # fmt: skip
    assert str(declared.said.values()["key_type"][1]).endswith("evercert.toml:16:1")


def test_two_cas_of_one_directory_are_two_accounts_there(read: Read) -> None:
    tables = """
        [cas.a]
        directory = "https://ca.corp.test/directory"
        contacts = ["a@corp.test"]
        ip = 6
        [cas.b]
        directory = "https://ca.corp.test/directory"
        account = "b"
        account_key = "ec384"
        ip = 6
        [certificates."www.example.com"]
        cas = ["b", "a"]
    """
    declaration = read(tables)
    [(access, origin)] = declaration.cas
    assert (access.family, access.contacts, origin.key) == (6, ("mailto:a@corp.test",), "cas.a")
    [(own, of_whom)] = declaration.registrations
    assert (access.registrations, of_whom.key) == ((own,), "cas.b")
    assert access.registration("b") == Registration("b", ("mailto:a@corp.test",), account_key=KeyType.EC384)
    intent = only(declaration)
    assert (intent.account, intent.terms.further_cas) == ("b", (CaChoice(access.directory),))


def test_a_ca_is_reached_as_it_is_declared(read: Read) -> None:
    [(access, origin)] = read(EVERYTHING).cas
    assert (access.directory, access.contacts, access.family) == (
        "https://ca.corp.test/directory", ("mailto:ops@corp.test",), 6,
    )  # fmt: skip
    assert (access.eab_kid, access.eab_key) == ("kid", "exec:/usr/bin/pass eab")
    assert origin.key == "cas.corp"


RULES = """
[[challenges]]
match = "*.internal.example.com"
type = "http-01"
solver = "webroot"
options = { root = "/srv" }
[dns.a]
provider = "rfc2136"
zones = ["example.com", "example.net"]
[dns.b]
provider = "manual"
zones = ["sub.example.com"]
challenge = "dns-persist-01"
[certificates]
"""


@pytest.mark.parametrize(
    ("certificate", "rules"),
    [
        ("example.com", [("dns-01", "rfc2136", "example.com")]),
        ("www.example.com", [("dns-01", "rfc2136", "*.example.com")]),
        ("*.example.com", [("dns-01", "rfc2136", "*.example.com")]),
        ("*.sub.example.com", [("dns-persist-01", "manual", "*.sub.example.com")]),
        ("notexample.com", [("http-01", "auto", "*")]),
        ("192.0.2.1", [("http-01", "auto", "*")]),
        (
            "a.internal.example.com",
            [("http-01", "webroot", "*.internal.example.com"), ("dns-01", "rfc2136", "*.example.com")],
        ),
    ],
)
def test_names_are_proved_by_the_first_rule_then_by_the_longest_zone(
    read: Read, certificate: str, rules: list[tuple[str, str, str]]
) -> None:
    intent = only(read(f'{RULES}"{certificate}" = {{}}'))
    assert [(rule.type, rule.solver, rule.match) for rule in intent.challenges] == rules


def test_of_zones_in_one_certificate_the_longest_is_looked_at_first(read: Read) -> None:
    intent = only(read(f'{RULES}x = {{ names = ["a.example.com", "a.sub.example.com", "example.com", "b.test"] }}'))
    assert [rule.match for rule in intent.challenges] == ["*.sub.example.com", "*.example.com", "example.com", "*"]


def test_lists_and_patterns_become_certificates(read: Read, tmp_path: Path) -> None:
    (tmp_path / "customers.txt").write_text("# ours\n\na.test www.a.test # first\r\n  b.test\n")
    (tmp_path / "more.txt").write_text("y.test\nz.test\n")
    declaration = read(
        """
        [certificates]
        each = { each = ["n{01..03}.test", "{p,q}.test"], each_from = "customers.txt" }
        one = { names = ["x{9..10}.test", "x9.test"], names_from = "more.txt" }
        """
    )
    single = ("n01.test", "n02.test", "n03.test", "p.test", "q.test", "b.test")
    assert names(declaration) == {name: [name] for name in single} | {
        "a.test": ["a.test", "www.a.test"],
        "one": ["x9.test", "x10.test", "y.test", "z.test"],
    }
    where = {each.intent.name: str(each.origin) for each in declaration.certificates}
    assert where["b.test"].endswith("customers.txt:4:3")
    assert where["p.test"].endswith("evercert.toml:3:44")
    assert declaration.lists == (str(tmp_path / "customers.txt"), str(tmp_path / "more.txt"))


def test_a_folder_is_read_as_one_declaration_without_what_is_hidden(tmp_path: Path, settings: Settings) -> None:
    for name, text in {
        "conf/a.toml": '[policies.web]\nowner = "web"',
        "conf/team/b.toml": '[certificates."b.test"]\npolicy = "web"',
        "conf/..data/a.toml": '[policies.web]\nowner = "old"',
        "conf/notes.txt": "no TOML",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert only(read_declaration(tmp_path / "conf", settings)).terms.owner == "web"


def test_a_name_in_two_files_and_two_broken_files_are_told_together(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "a.toml").write_text('[policies.web]\n[defaults]\nowner = "a"\n')
    (tmp_path / "b.toml").write_text('[defaults]\nowner = "b"\n\n[policies.web]\n')
    with pytest.raises(Faulty) as caught:
        read_declaration(tmp_path, settings)
    assert [(Path(fault.file).name, fault.line, fault.column) for fault in caught.value.faults] == [
        ("b.toml", 1, 2),
        ("b.toml", 4, 11),
    ]
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_bytes(b'x = "\xff"\n' if name == "a.toml" else b"x = \n")
    with pytest.raises(Faulty) as caught:
        read_declaration(tmp_path, settings)
    assert [(Path(fault.file).name, fault.line, fault.column) for fault in caught.value.faults] == [
        ("a.toml", 1, 6),
        ("b.toml", 1, 5),
    ]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_where_there_is_nothing_that_is_told(tmp_path: Path, settings: Settings, make: Callable[[Path], None]) -> None:
    make(tmp_path / "conf")
    with pytest.raises(EvercertError) as caught:
        read_declaration(tmp_path / "conf", settings)
    assert caught.value.code.name == "not-found"
    assert caught.value.hint


def test_the_digest_stands_for_all_that_decides(read: Read, tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "list.txt").write_text("a.test\n")
    declaration = read('certificates.x = { each_from = "list.txt" }')
    file = tmp_path / "evercert.toml"

    def now(settings: Settings) -> str:
        return current_digest(file, declaration.lists, settings)

    assert now(settings) == declaration.digest
    assert now(load_settings({}, home=str(tmp_path / "other"))) != declaration.digest
    assert now(load_settings({"EVERCERT_CA": "google"}, home=str(settings.home))) != declaration.digest
    (tmp_path / "list.txt").write_text("b.test\n")
    assert now(settings) != declaration.digest
    (tmp_path / "list.txt").unlink()
    assert now(settings) != declaration.digest
    (tmp_path / "list.txt").write_text("a.test\n")
    assert now(settings) == declaration.digest
    file.write_text(file.read_text() + "\n")
    assert now(settings) != declaration.digest


def test_each_block_of_the_way_to_a_fleet_is_a_declaration(read: Read, tmp_path: Path) -> None:
    (tmp_path / "customers.txt").write_text("a.example.net\nb.example.net www.b.example.net\n")
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/fleet.md").read_text(), re.S)
    assert [len(read(block).certificates) for block in blocks] == [1, 2, 15, 2]
    merging = [each.intent.terms.merge for each in read(blocks[2]).certificates]
    assert merging == [0] * 13 + [50, 50]


@pytest.mark.parametrize("number", [0, 1])
def test_what_the_page_shows_is_a_declaration(read: Read, tmp_path: Path, number: int) -> None:
    page = (ROOT / "docs/declaration.md").read_text()
    (tmp_path / "customers.txt").write_text("a.example.com\n")
    shown = [
        re.findall(r"^    (certificates\..*)$", page, re.MULTILINE)[0],
        *re.findall(r"```toml\n(.*?)```", page, re.S),
    ]
    assert len(read(shown[number]).certificates) == (1, 14)[number]


def test_limits_of_a_ca_are_declared_in_place_of_the_known_ones(read: Read) -> None:
    [(access, _)] = read(
        """
        [cas.letsencrypt.limits]
        orders = "1500/3h"
        domain = "none"
        requests = "50/1s"
        """
    ).cas
    assert access.limits == (OwnLimit("orders", 1500, 10_800), OwnLimit("domain", 0, 0), OwnLimit("requests", 50, 1))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('orders = "many"', "it is no limit"),
        ('orders = "0/3h"', "it is no limit"),
        ("orders = 300", "it is no limit"),
        ('order = "300/3h"', "there is no such key here"),
    ],
)
def test_a_limit_that_is_none_is_told(read: Read, written: str, said: str) -> None:
    with pytest.raises(Faulty, match=said):
        read(f"[cas.letsencrypt.limits]\n{written}\n")


def test_how_many_at_once_is_declared_for_a_ca_and_for_a_dns_account(read: Read) -> None:
    declaration = read(
        """
        [cas.internal]
        directory = "https://ca.internal/directory"
        concurrency = 20
        [dns.one]
        provider = "cloudflare"
        zones = ["a.test"]
        concurrency = 1
        options = { token = "env:T" }
        [certificates."www.a.test"]
        """
    )
    [(access, _)] = declaration.cas
    assert access.concurrency == 20
    [wanted] = declaration.certificates
    assert wanted.intent.challenges[0].options == {"token": "env:T", "concurrency": "1"}


def test_a_mark_of_its_encoding_before_a_file_is_none_of_its_words(read: Read) -> None:
    [declared] = read('\ufeff[certificates."a.test"]\n').certificates
    assert (declared.intent.name, str(declared.origin).rpartition("/")[2]) == ("a.test", "evercert.toml:1:15")
