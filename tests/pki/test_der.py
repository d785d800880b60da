"""DER, as the library's reader and writer understand it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from hypothesis import example, given
from hypothesis import strategies as st

from evercert.pki import der


@given(st.integers(-(1 << 300), 1 << 300))
@example(-128)
@example(-129)
@example(-(1 << 63))
def test_an_integer_is_what_the_library_writes(value: int) -> None:
    assert der.integer(value) == asn1.encode_der(value)
    assert der.enumerated(value)[1:] == der.integer(value)[1:]


@given(st.binary(max_size=70_000))
def test_octets_of_any_length_are_what_the_library_writes(content: bytes) -> None:
    assert der.octets(content) == asn1.encode_der(content)
    assert asn1.decode_der(asn1.BitString, der.bits(content)).as_bytes() == content


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 24])
def test_a_length_has_as_few_octets_as_it_can(length: int) -> None:
    content = bytes(length)
    assert der.octets(content) == asn1.encode_der(content)
    assert der.header(0x04, length) + content == der.octets(content)


@given(st.text(max_size=300), st.booleans())
def test_text_and_truth_are_what_the_library_writes(text: str, is_true: bool) -> None:
    assert der.utf8(text) == asn1.encode_der(text)
    assert der.boolean(is_true) == asn1.encode_der(is_true)


_ARC = st.integers(0, (1 << 127) - 1)
_OIDS = st.builds(
    lambda first, second, more: ".".join(map(str, (first, second % 40 if first < 2 else second, *more))),
    st.integers(0, 2),
    _ARC.filter(lambda arc: arc < (1 << 127) - 80),
    st.lists(_ARC, max_size=10),
)


@given(_OIDS)
def test_an_object_identifier_is_read_back(dotted: str) -> None:
    try:
        known = x509.ObjectIdentifier(dotted)
    except ValueError:
        return  # longer than the library's own bound
    assert asn1.decode_der(x509.ObjectIdentifier, der.oid(dotted)) == known


@pytest.mark.parametrize("dotted", ["", "1", "3.1", "1.40", "1.2.", "1.2.-3", "1.02", "1.2.a", "1.2 ", "1.²", "1.2\n"])
def test_what_is_no_object_identifier_is_refused(dotted: str) -> None:
    with pytest.raises(ValueError, match="not a dotted object identifier"):
        der.oid(dotted)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x17\x0d991231235959Z"),
        (datetime(2049, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (datetime(2050, 1, 1, tzinfo=timezone(timedelta(hours=1))), b"\x17\x0d491231230000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x18\x0f99991231235959Z"),
    ],
)
def test_a_moment_is_written_as_rfc_5280_section_4_1_2_5_says(moment: datetime, written: bytes) -> None:
    assert der.time(moment) == written


@given(st.datetimes(timezones=st.timezones()), st.booleans())
def test_any_moment_is_read_back_in_utc(moment: datetime, is_generalized: bool) -> None:
    try:
        expected = moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return  # within a day of the first or the last moment that there is
    written = der.generalized_time(moment) if is_generalized else der.time(moment)
    kind: Any = asn1.GeneralizedTime if written[0] == 0x18 else asn1.UTCTime
    assert asn1.decode_der(kind, written).as_datetime().replace(tzinfo=UTC) == expected
    assert is_generalized or (written[0] == 0x17) is (1950 <= expected.year < 2050)


def test_a_moment_without_a_time_zone_is_none() -> None:
    for write in (der.time, der.generalized_time):
        with pytest.raises(ValueError, match="without a time zone"):
            write(datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.binary(min_size=1, max_size=300))
def test_pem_has_lines_of_64_and_gives_its_body_back(body: bytes) -> None:
    first, *lines, last = der.pem("X", body).splitlines()
    assert (first, last) == ("-----BEGIN X-----", "-----END X-----")
    assert base64.b64decode("".join(lines)) == body
    assert {len(line) for line in lines[:-1]} <= {64}
