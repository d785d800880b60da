from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evercert.acme.foreign import checked_url, links, retry_after, shown
from evercert.base.errors import EvercertError
from evercert.base.message import Response

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIRECTORY = "https://ca.example/directory"
WEEK = timedelta(days=7)


def response(*headers: tuple[str, str]) -> Response:
    return Response(200, headers, b"", NOW)


def asked(value: str) -> timedelta | None:
    return retry_after(response(("retry-after", value)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta()),
        (" 7 ", timedelta(seconds=7)),
        ("99999999999999999999", WEEK),
        ("9" * 5000, WEEK),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), timedelta(minutes=5)),
        (format_datetime(NOW - timedelta(days=400), usegmt=True), timedelta()),
        ("Fri, 31 Dec 9999 23:59:59 GMT", WEEK),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("1.5", None),
    ],
)
def test_a_wait_is_seconds_or_a_date_and_at_most_a_week(value: str, expected: timedelta | None) -> None:
    assert asked(value) == expected


def test_no_header_asks_for_no_wait() -> None:
    assert retry_after(response()) is None


@given(st.text(max_size=100))
@example("Thu, 01 Jan 0000 00:00:00 +9999")
@example("Mon, 99999999999 Jan 2026 00:00:00 GMT")
def test_any_header_is_a_bounded_wait_or_none(value: str) -> None:
    wait = asked(value)
    assert wait is None or timedelta() <= wait <= WEEK


@pytest.mark.parametrize("url", ["https://ca.example/a?b=c", "https://other.example:8443/x", "https://[2001:db8::1]/x"])
def test_https_urls_pass_whatever_their_host(url: str) -> None:
    assert checked_url(url, directory=DIRECTORY, allow_http=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://ca.example/order/1",
        "file:///etc/passwd",
        "ftp://ca.example/",
        "/order/1",
        "//ca.example/order/1",
        "https:///order",
        "https://user@ca.example/",
        "https://user:password@ca.example/",
        "https://ca.example:99999/",
        "https://ca.example/ order",
        "https://ca.example/\r\nX-Injected: 1",
        "https://ca.example\\@evil.example/",
        "https://[::1/",
        "https://ca.example/" + "a" * 3000,
        "javascript:alert(1)",
        "",
    ],
)
def test_urls_that_lead_astray_are_refused(url: str) -> None:
    with pytest.raises(EvercertError) as caught:
        checked_url(url, directory=DIRECTORY, allow_http=False)
    assert caught.value.code.name == "bad-answer"
    assert len(str(caught.value)) < 400


def test_plain_http_is_for_the_origin_of_a_directory_that_was_allowed_it() -> None:
    opened = "http://127.0.0.1:8200/v1/pki/acme/directory"
    assert checked_url("http://127.0.0.1:8200/v1/order", directory=opened, allow_http=True)
    for url in ("http://127.0.0.1:8201/", "http://127.0.0.2:8200/", "http://evil.example/"):
        with pytest.raises(EvercertError, match="not https"):
            checked_url(url, directory=opened, allow_http=True)


@pytest.mark.parametrize("url", ["ftp://ca.example/directory", "https://user@ca.example/", "https://ca.example:99999/"])
def test_a_directory_vouches_for_no_url_that_could_not_be_gone_to_by_itself(url: str) -> None:
    with pytest.raises(EvercertError):
        checked_url(url, directory=url, allow_http=True)


@given(st.text(max_size=200))
def test_a_url_is_returned_as_it_is_or_refused(url: str) -> None:
    with suppress(EvercertError):
        assert checked_url(url, directory=DIRECTORY, allow_http=True) == url


def test_links_are_found_by_relation_and_resolved() -> None:
    found = response(
        ("link", '<https://ca.example/directory>;rel="index", </cert/1/alt>; title="a, b"; rel="alternate"'),
        ("link", "<?page=2>;rel=next"),
        ("link", '<https://x.example/>;rel="up alternate"'),
    )
    base = "https://ca.example/orders"
    assert list(links(found, "alternate", base)) == ["https://ca.example/cert/1/alt", "https://x.example/"]
    assert list(links(found, "next", base)) == ["https://ca.example/orders?page=2"]
    assert list(links(found, "terms-of-service", base)) == []


@given(st.text(max_size=300))
@example("<" * 200)
@example("<a>" + ";a" * 100)
def test_any_link_header_yields_texts_and_nothing_else(header: str) -> None:
    assert all(isinstance(target, str) for target in links(response(("link", header)), "next", DIRECTORY))


def test_a_link_header_of_a_megabyte_is_read_in_no_time() -> None:
    headers = (("link", "<a" * 500_000), ("link", "<a>;" + "rel =" * 200_000), ("link", "<a>" + "; a" * 300_000))
    assert list(links(response(*headers), "next", DIRECTORY)) == []


def test_a_message_holds_no_control_characters_and_is_bounded() -> None:
    assert shown("a\r\nb\x1b[31mc\u202ed") == "a  b [31mc d"
    assert len(shown("x" * 10_000)) == 200
    assert shown("short") == "short"
