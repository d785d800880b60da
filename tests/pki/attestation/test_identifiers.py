"""Names of devices: the draft's grammar, and the same name in an order and in a certificate, octet for octet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from evercert.base.errors import EvercertError
from evercert.pki.attestation.identifiers import device_identifier, identifiers_in, name_of
from evercert.pki.cert import parsed
from evercert.pki.issuing import HardwareModule, Leaf, PermanentIdentifier, sign
from evercert.pki.keys import KeyType
from tests.fakes.devices import hardware_module, permanent_identifier
from tests.pki.hierarchies import NOW, hierarchy, key_of


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("permanent-identifier", "ABCDEF123456"),
        ("permanent-identifier", "ABCDEF123456/1.2.3.4"),
        ("permanent-identifier", "Gerät 7/2.999.0"),
        ("hardware-module", "ABCD/1.2.3.4"),
        ("hardware-module", "ABCD/2.1.340282366920938463463374607431768211455"),
    ],
)
def test_what_an_order_names_stands_in_the_certificate_and_is_read_from_it(kind: str, value: str) -> None:
    identifier = device_identifier(kind, value)
    name = name_of(identifier)
    permanent = (name,) if isinstance(name, PermanentIdentifier) else ()
    modules = (name,) if isinstance(name, HardwareModule) else ()
    leaf = Leaf(
        serial=1,
        spki=key_of(KeyType.EC256).spki,
        not_before=NOW,
        not_after=NOW + timedelta(days=1),
        permanent_identifiers=permanent,
        hardware_modules=modules,
    )
    certificate = parsed(sign(leaf, hierarchy().issuing))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert identifiers_in(names) == (identifier,)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("dns", "a.example"),
        ("permanent-identifier", ""),
        ("permanent-identifier", "/1.2.3"),
        ("permanent-identifier", "A/"),
        ("permanent-identifier", "A/1"),
        ("permanent-identifier", "A/1.40"),
        ("permanent-identifier", "A/3.1"),
        ("permanent-identifier", "A/01.2"),
        ("permanent-identifier", "A/1.2.03"),
        ("permanent-identifier", "A/1.2/3"),
        ("permanent-identifier", "A/1.2\n"),
        ("permanent-identifier", "A/1.٣"),
        ("permanent-identifier", "A\x00"),
        ("permanent-identifier", "A\u202e"),
        ("permanent-identifier", "A" * 513),
        ("permanent-identifier", "A/1.2" + ".3" * 40),
        ("hardware-module", "ABCD"),
        ("hardware-module", "ABCD/2.340282366920938463463374607431768211455"),
        ("hardware-module", "ABCD/"),
    ],
)
def test_what_the_grammar_does_not_have_is_refused(kind: str, value: str) -> None:
    with pytest.raises(EvercertError) as raised:
        device_identifier(kind, value)
    assert raised.value.code.name == "bad-name"


def test_a_name_with_a_slash_is_not_read_as_another_name_with_an_assigner() -> None:
    for name in (permanent_identifier("A/1.2.3"), hardware_module("1.2.3", b"A/1.2.3"), permanent_identifier("")):
        with pytest.raises(EvercertError):
            identifiers_in([name])


def test_names_of_other_forms_are_passed_over_and_broken_ones_are_refused() -> None:
    kind = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.3")
    other = x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")
    assert identifiers_in([x509.DNSName("a.example"), other, permanent_identifier("A")]) == (
        device_identifier("permanent-identifier", "A"),
    )
    for body in (b"0\x80", b"\x0c\x01A", b"0\x03\x0c\x01", b"0\x03\x0c\x01\xff"):
        with pytest.raises((ValueError, EvercertError)):
            identifiers_in([x509.OtherName(kind, body)])
    with pytest.raises(ValueError, match="codec"):
        identifiers_in([hardware_module("1.2.3", b"\xff")])
