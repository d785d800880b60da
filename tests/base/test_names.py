"""What people write for a name, and what it is."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier

LONGEST = "a." * 126 + "b"


def meant(text: str) -> Identifier | None:
    try:
        return parse_identifier(text)
    except EvercertError:
        return None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("www.Example.com.", "www.example.com"),
        (" *.bücher.example ", "*.xn--bcher-kva.example"),
        ("[2001:DB8::0]", "2001:db8::"),
        ("192.0.2.7", "192.0.2.7"),
        (LONGEST, LONGEST),
        (f"*.{LONGEST}", f"*.{LONGEST}"),
    ],
)
def test_any_writing_of_a_name_is_that_name(text: str, value: str) -> None:
    identifier = parse_identifier(text)
    assert (identifier.value, identifier.type) == (value, "ip" if value[0] in "12" else "dns")


@pytest.mark.parametrize(
    "text", ["", "a..b", ".a", "-a.b", "a-.b", "a_b.c", "a.1", "a.0x1", "*", "a.*.b", "1.2.3", f"{LONGEST}b", "a\n.b"]
)
def test_what_can_stand_in_no_certificate_is_refused(text: str) -> None:
    assert meant(text) is None


@given(st.text("abz09-.*_xX:[]\n", max_size=12))
@example("a" * 63 + ".b")
@example("a" * 64 + ".b")
@example("*." + "a" * 64)
@example(LONGEST)
@example(f"{LONGEST}b")
@example(f"*.{LONGEST}")
def test_the_quick_look_sees_what_the_whole_one_sees(text: str) -> None:
    """Nothing is quick about a text with a space around it."""
    assert meant(text) == meant(f" {text}")
