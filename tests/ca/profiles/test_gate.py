"""Before a profile signs, and while it does: what pkilint says decides, and its findings are told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from random import Random

import msgspec
import pytest
from cryptography import x509

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifiers
from evercert.ca.issuing.issuers import Issuer
from evercert.ca.profiles.gate import LintGate, Refusal, Sample, admitted
from evercert.ca.profiles.opinion import opinion
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.profiles.request import Requested, leaf_of
from evercert.ca.profiles.specimen import specimens
from evercert.pki.cert import read_certificate
from evercert.pki.issuing import sign
from evercert.pki.signer import Signer
from tests.ca.profiles.test_leaf import KEY, NOW, URLS, WINDOW, issuer_of

SIGNER = issuer_of()
ISSUER = Issuer("first", SIGNER, ((SIGNER.certificate,),))
DEFAULT = BUILT_IN["default"]


def with_(**fields: object) -> Profile:
    return msgspec.structs.replace(DEFAULT, **fields)


# Two of the same policy are an error (RFC 5280 §4.2.1.4) that only a look at the certificate shows.
TWICE = with_(name="twice", policies=("1.3.6.1.4.1.32473.2", "1.3.6.1.4.1.32473.2"))
EVERYTHING = with_(
    name="everything",
    names=("dns", "wildcard", "ip", "uri", "email", "permanent-identifier", "hardware-module"),
    allow=("*", "spiffe://corp.test/ns/"),
    uri="spiffe://corp.test/host/{name}",
    ekus=("serverAuth", "clientAuth", "1.3.6.1.4.1.32473.1"),
    policies=("1.3.6.1.4.1.32473.2",),
    organization="Corp",
    organizational_unit="Web",
    country="DE",
)


def urls(issuer: Issuer, profile: Profile) -> Mapping[str, tuple[str, ...]]:
    return URLS


def gate(passed: set[str] | None = None) -> LintGate:
    return LintGate(urls, Random(1), set() if passed is None else passed)


def signed(profile: Profile, signer: Signer = SIGNER) -> bytes:
    asked = Requested(KEY.spki, parse_identifiers(["a.test"]))
    return sign(leaf_of(asked, profile, serial=7, now=NOW, issuer_window=WINDOW, **URLS), signer)


@pytest.mark.parametrize("profile", [*BUILT_IN.values(), EVERYTHING], ids=lambda profile: profile.name)
def test_right_profiles_pass(profile: Profile) -> None:
    assert gate().refusals([profile], [ISSUER], NOW) == ()


def test_a_profile_that_makes_wrong_certificates_is_refused_with_what_is_wrong() -> None:
    (refusal,) = gate().refusals([DEFAULT, TWICE], [ISSUER], NOW)
    assert (refusal.profile, refusal.issuer) == ("twice", "first")
    (finding,) = refusal.findings
    assert finding.startswith("pkix.duplicate_certificate_policy_oids: Duplicate policy identifiers: 1.3.6.1.4.1.32473")
    assert str(refusal).startswith("the profile twice under the issuer first: pkix.duplicate")


def test_what_passed_is_not_looked_at_again_and_what_did_not_is() -> None:
    passed: set[str] = set()
    assert len(gate(passed).refusals([DEFAULT, TWICE], [ISSUER], NOW)) == 1
    assert len(passed) == 1
    remembered = set(passed)
    assert len(gate(passed).refusals([DEFAULT, TWICE], [ISSUER], NOW)) == 1
    assert passed == remembered
    gate(passed).refusals([with_(max_names=7)], [ISSUER], NOW)
    assert len(passed) == 2


def test_another_issuer_is_another_question() -> None:
    other = issuer_of()
    passed: set[str] = set()
    issuers = [ISSUER, Issuer("second", other, ((other.certificate,),)), Issuer("old", other, (), active=False)]
    gate(passed).refusals([DEFAULT], issuers, NOW)
    assert len(passed) == 2
    passed.clear()
    gate(passed).refusals([with_(issuer="second")], issuers, NOW)
    assert len(passed) == 1


def test_the_rules_for_public_cas_are_not_asked_unless_the_profile_wants_it() -> None:
    assert gate().refusals([with_(lint=())], [ISSUER], NOW) == ()
    (refusal,) = gate().refusals([with_(lint=("serverauth",))], [ISSUER], NOW)
    assert any(each.startswith("cabf.internal_domain_name") for each in refusal.findings)
    assert "; and " in str(refusal)


def test_a_profile_is_admitted_unless_it_was_refused_and_one_must_be_left() -> None:
    profiles = {"default": DEFAULT, "twice": TWICE}
    refusal = Refusal("twice", "first", ("bad",))
    assert admitted(profiles, [refusal]) == {"default": DEFAULT}
    with pytest.raises(EvercertError, match="no profile may sign: the profile twice"):
        admitted({"twice": TWICE}, [refusal])


def test_nobody_can_use_a_specimen() -> None:
    for der in specimens(EVERYTHING, SIGNER, URLS, now=NOW, rng=Random(1)):
        certificate = x509.load_der_x509_certificate(der)
        assert set(certificate.signature) == {0}
        assert all(str(each).endswith(".invalid") for each in read_certificate(der).identifiers if each.type == "dns")


def test_there_is_a_specimen_for_each_family_of_keys_that_the_profile_takes() -> None:
    assert len(list(specimens(DEFAULT, SIGNER, URLS, now=NOW, rng=Random(1)))) == 4
    small = with_(key_types=DEFAULT.key_types[:2], max_names=1)
    (only,) = specimens(small, SIGNER, URLS, now=NOW, rng=Random(1))
    assert len(read_certificate(only).identifiers) == 1


def test_a_wildcard_and_a_spiffe_id_are_no_faults_and_a_wrong_name_is_one() -> None:
    def said(uri: str, name: str) -> tuple[str, ...]:
        asked = Requested(KEY.spki, (Identifier("dns", name),), uris=(uri,))
        leaf = leaf_of(asked, BUILT_IN["shortlived"], serial=7, now=NOW, issuer_window=WINDOW)
        return opinion(sign(leaf, SIGNER), SIGNER.certificate, ["pkix"])

    assert said("spiffe://corp.test/a", "*.a.test") == ()
    assert said("spiffe://corp.test/a", "*.a..test") != ()
    assert said("x y://corp.test/a", "a.test") != ()


def test_a_certificate_of_another_issuer_is_seen() -> None:
    assert opinion(signed(DEFAULT), SIGNER.certificate, ["pkix"]) == ()
    assert opinion(signed(DEFAULT, issuer_of()), SIGNER.certificate, ["pkix"]) != ()


_WITHOUT = """
import sys
sys.modules["pkilint"] = None
from evercert.base.errors import EvercertError
from evercert.ca.profiles.opinion import opinion
try:
    opinion(b"", b"", ["pkix"])
except EvercertError as error:
    print(error, "|", error.hint)
"""


def test_where_pkilint_is_missing_it_is_said_how_to_get_it() -> None:
    said = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, timeout=60, check=True)
    assert "pkilint is not installed" in said.stdout
    assert "pip install 'evercert[ca]'" in said.stdout


def test_pkilint_is_not_imported_before_it_is_asked() -> None:
    look = "import sys, evercert.ca.profiles.gate; print('pkilint' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "False"


# The running sample


async def test_every_nth_certificate_is_looked_at_and_a_fault_is_told() -> None:
    told: list[tuple[bytes, tuple[str, ...]]] = []
    sample = Sample(lambda certificate, findings: told.append((certificate, findings)), every=3)
    wrong = signed(TWICE)
    for certificate in (wrong, wrong, signed(DEFAULT), wrong, wrong):
        sample.take(certificate, ISSUER, DEFAULT)
        await sample.drain()
    assert told == []
    sample.take(wrong, ISSUER, DEFAULT)
    await sample.drain()
    ((certificate, findings),) = told
    assert certificate == wrong
    assert findings[0].startswith("pkix.duplicate_certificate_policy_oids")


async def test_one_is_looked_at_at_a_time_and_the_loop_goes_on() -> None:
    told: list[bytes] = []
    sample = Sample(lambda certificate, findings: told.append(certificate), every=1)
    for _ in range(100):
        sample.take(signed(TWICE), ISSUER, DEFAULT)
    await asyncio.sleep(0)
    await sample.drain()
    assert len(told) == 1


async def test_what_cannot_be_looked_at_is_told_too() -> None:
    told: list[tuple[str, ...]] = []
    sample = Sample(lambda certificate, findings: told.append(findings), every=1)
    sample.take(b"no certificate", ISSUER, DEFAULT)
    await sample.drain()
    assert len(told) == 1


async def test_a_profile_without_lint_is_left_alone() -> None:
    told: list[tuple[str, ...]] = []
    sample = Sample(lambda certificate, findings: told.append(findings), every=1)
    sample.take(signed(TWICE), ISSUER, with_(lint=()))
    await sample.drain()
    assert told == []
