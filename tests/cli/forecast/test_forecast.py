"""`evercert forecast` as it is typed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from evercert.acme.cas import known_ca
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.model.intent import CertificateIntent
from evercert.model.terms import CaChoice, Terms
from evercert.store import certificates
from evercert.store.opening import open_store
from tests.cli.shell import Shell

CAS = ("usual", "spare")
LETS_ENCRYPT = known_ca("letsencrypt").directory


def wanted(home: Path, count: int, domain: str, **changes: object) -> None:
    """So many certificates of Let's Encrypt's are wanted under that domain, and were not issued yet."""

    async def declare() -> None:
        async with open_store(home / "evercert.db") as db:
            for number in range(count):
                name = f"n{number}.{domain}"
                plain = {"name": name, "identifiers": parse_identifiers((name,)), "ca": LETS_ENCRYPT}
                intent = CertificateIntent(**(plain | changes))  # type: ignore[arg-type]  # the struct says what it takes
                await certificates.declare(db, intent, SystemClock().now())

    home.mkdir(mode=0o700, exist_ok=True)
    asyncio.run(declare())


def _table(lines: list[str]) -> list[str]:
    """What stands before the last empty line, and after the one before that."""
    end = len(lines) - 1 - lines[::-1].index("")
    begin = end - lines[:end][::-1].index("")
    return lines[begin:end]


def test_an_empty_home_meets_no_limit(evercert: Shell) -> None:
    done = evercert("forecast")
    assert (done.status, done.out.splitlines()[0]) == (0, "no limit is met within 90 days")
    assert "there are no certificates to forecast" in done.err
    assert "none come here" in evercert("forecast", "--onboard", "500").err


def test_a_ca_is_meant_by_its_name_in_the_declaration(evercert: Shell, tmp_path: Path) -> None:
    wanted(evercert.home, 2, "named.test")
    file = tmp_path / "evercert.toml"
    file.write_text('[cas.usual]\ndirectory = "letsencrypt"\n[cas.spare]\ndirectory = "https://spare.test/dir"\n')
    counts = [evercert("forecast", "--config", file, "--ca", ca, "--json").document["certificates"] for ca in CAS]
    assert counts == [2, 0]
    moved = evercert("forecast", "--to", "spare", "--json", EVERCERT_CONFIG=str(file)).document
    assert [each["ca"] for each in moved["cas"]] == ["https://spare.test/dir"]
    assert evercert("forecast", "--ca", "usal", "--config", file).hint == "did you mean 'usual'?"


def test_certificates_that_are_there_are_renewed_and_lapse_not(evercert: Shell) -> None:
    evercert.obtained("one.forecast.test")
    done = evercert("forecast", "--days", "3650")
    assert done.out.splitlines()[0] == "no limit is met within 3650 days"
    document = evercert("forecast", "--days", "3650", "--json").document
    assert (document["certificates"], document["limits"], document["lapsing"]) == (1, [], 0)
    assert sum(document["series"]["due"]) >= 1


def test_the_first_line_says_which_limit_is_met_when_and_what_to_do(evercert: Shell) -> None:
    wanted(evercert.home, 60, "shop.test")
    today = f"{SystemClock().now():%Y-%m-%d}"
    first, empty, title, *lines = evercert("forecast", COLUMNS="60").out.splitlines()
    assert first == (
        f"letsencrypt: certificates per registered domain shop.test: 50 in 7 d are used up on {today}; 15 certificates "
        "would wait, up to 2 d, none would lapse; ask for an override of 57 in 7 d or declare another CA"
    )
    assert (empty, title) == ("", "orders a day")
    assert max(map(len, lines)) <= 60
    assert "    50 ┤" in "\n".join(lines)
    table = _table(lines)
    told = " ".join(lines[lines.index(table[-1]) + 1 :])
    assert [line.split() for line in table[-2:]] == [["limits", "met", "1"], ["certificates", "that", "lapse", "none"]]
    assert "Not counted: the waits between failed attempts, and" in told
    assert "further CAs" not in told


def test_what_is_not_counted_is_said(evercert: Shell) -> None:
    more = Terms(further_cas=(CaChoice("https://other.test/directory"),))
    wanted(evercert.home, 3, "shop.test", terms=more)
    first, *_ = evercert("forecast", "--json").document["not_counted"]
    assert first.startswith("what else than a limit sends one to further CAs, which 3 certificates have: ")
    assert f"Not counted: {first}" in evercert("forecast", COLUMNS="500").out
    # Who supposes that all are asked of one CA has said which.
    assert "further CAs" not in evercert("forecast", "--to", "google").out


def test_where_no_certificate_is_meant_that_is_said(evercert: Shell) -> None:
    wanted(evercert.home, 3, "shop.test")
    assert "no certificate is like that" in evercert("forecast", "--tag", "none").err
    assert evercert("forecast").err == ""


def test_which_ca_issues_how_many_is_said(evercert: Shell) -> None:
    more = Terms(further_cas=(CaChoice("https://other.test/directory"),))
    wanted(evercert.home, 60, "shop.test", terms=more)
    first, shares, *_ = evercert("forecast", "--days", "7").out.splitlines()
    assert "; 15 certificates would go to another CA, none would wait" in first
    assert shares == "issued by letsencrypt: 45, other.test: 15"
    document = evercert("forecast", "--days", "7", "--json").document
    other = {"ca": "https://other.test/directory", "issues": 15}
    assert document["cas"] == [{"ca": LETS_ENCRYPT, "issues": 45}, other]
    assert [limit["going_on"] for limit in document["limits"]] == [15]


def test_where_nobody_waits_for_long_no_override_is_asked_for(evercert: Shell) -> None:
    wanted(evercert.home, 46, "shop.test")
    first = evercert("forecast").out.splitlines()[0]
    assert first.endswith("; 1 certificate would wait, up to 4 h, none would lapse"), first


def test_what_is_supposed_stands_beside_what_is(evercert: Shell) -> None:
    wanted(evercert.home, 3, "a.test")
    lines = evercert("forecast", "--life", "6d", "--certificates", "x2", "--calendar").out.splitlines()
    table = {line[:26].strip(): line[26:].split() for line in _table(lines)}
    assert table[""] == ["NOW", "SUPPOSED"]
    assert table["certificates"] == ["3", "6"]
    assert table["life"] == ["90", "d", "6", "d"]
    assert "due on each day" in lines
    document = evercert("forecast", "--life", "6d", "--json").document
    assert (document["now"]["life"], document["supposed"]["life"]) == (90 * 86_400, 6 * 86_400)
    assert evercert("forecast", "--json").document["supposed"] is None


def test_attempts_that_fail_may_be_supposed(evercert: Shell) -> None:
    wanted(evercert.home, 3, "a.test")
    lines = evercert("forecast", "--failures", "25%").out.splitlines()
    table = {line[:26].strip(): line[26:].split() for line in _table(lines)}
    assert table["attempts in vain"] == ["none", "25.0%"]
    document = evercert("forecast", "--failures", "25%", "--json").document
    assert (document["now"]["failing"], document["supposed"]["failing"]) == (0, 0.25)
    assert document["supposed"]["orders_per_day"] == pytest.approx(document["now"]["orders_per_day"] * 4 / 3)


def test_the_others_draw_on_the_limits_of_the_chosen(evercert: Shell) -> None:
    wanted(evercert.home, 60, "shop.test", terms=Terms(owner="sales"))
    wanted(evercert.home, 30, "www.shop.test", terms=Terms(owner="web"))
    document = evercert("forecast", "--owner", "web", "--json").document
    [limit] = document["limits"]
    assert document["certificates"] == 30
    assert limit["waiting"] in range(1, 31)
    assert (limit["scope"], limit["subject"], limit["count"]) == ("domain", "shop.test", 50)
    assert limit["told"] == document["verdict"]


@pytest.mark.parametrize(("domain", "under"), [("shop.test", "WWW.shop.test"), ("xn--bcher-kva.test", "bücher.test")])
def test_those_that_come_count_under_the_domain_that_the_ca_counts_by(evercert: Shell, domain: str, under: str) -> None:
    wanted(evercert.home, 40, domain)
    document = evercert("forecast", "--onboard", "20", "--under", under, "--days", "7", "--json").document
    [limit] = document["limits"]
    assert (limit["scope"], limit["subject"]) == ("domain", domain)


def test_an_exact_set_of_names_is_named_by_a_certificate(evercert: Shell) -> None:
    wanted(evercert.home, 8, "set.test", identifiers=parse_identifiers(("same.test",)))
    document = evercert("forecast", "--json").document
    assert "limits" in document, document
    [limit] = document["limits"]
    assert (limit["scope"], limit["subject"][:9]) == ("set", "as in n0.")
    assert "install one certificate in all places" in document["verdict"]


def test_the_picture_is_written_whole(evercert: Shell, tmp_path: Path) -> None:
    wanted(evercert.home, 60, "shop.test")
    file = tmp_path / "forecast.svg"
    done = evercert("forecast", "--svg", file, "--calendar")
    assert done.status == 0, done.err
    root = parse(file).getroot()
    assert root.tag.endswith("svg")
    assert done.out.splitlines()[0] in "".join(root.itertext())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".evercert")] == []


def test_what_cannot_be_supposed_is_said_with_what_can(evercert: Shell) -> None:
    for arguments, words in (
        (("--life", "soon"), "'soon' is no length of time"),
        (("--onboard", "3", "--under", "ü..test"), "cannot stand in a certificate"),
        (("--life", "0s"), "0s is no time"),
        (("--outage", "0h"), "0h is no time"),
        (("--svg", "/dev/null"), "/dev/null is no file"),
        (("--certificates", "many"), "write how many for each that there is, such as x2 or x1.5"),
        (("--certificates", "x0"), "write how many for each that there is"),
        (("--under", "a.test"), "say also how many come, with --onboard"),
        (("--to", "letsencrpt"), "there is no known CA"),
        (("--failures", "2"), "write how many of a hundred attempts fail"),
        (("--failures", "91%"), "90% at most"),
        (("--days", "0"), "'--days'"),
    ):
        done = evercert("forecast", *arguments)
        assert done.status == (3 if words.startswith("there is") else 2), (arguments, done.status)
        assert words in done.err, done.err
