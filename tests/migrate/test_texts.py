"""The two dialects of text that other clients keep their settings in."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.migrate.assignments import read_assignments
from evercert.migrate.ini import read_ini


def code_of(text: str) -> str:
    """The code of the refusal, or nothing where the text can be read."""
    try:
        read_ini(text)
    except EvercertError as error:
        return error.code.name
    return ""


@pytest.mark.parametrize(
    ("line", "items"),
    [
        ("a = b", ("b",)),
        ("a = b c d", ("b c d",)),
        ("a = /var/www,", ("/var/www",)),
        ("a = x, y ,z", ("x", "y", "z")),
        ("a = ,", ()),
        ("a =", ()),
        ('a = ""', ("",)),
        ('a = "x, y"', ("x, y",)),
        ("a = 'say \"hi\", you', z # why", ('say "hi", you', "z")),
        ("a = it's # a comment", ("it's",)),
        ("a = x = y", ("x = y",)),
        ("a = '''it's \"x\"\nand more'''", ('it\'s "x"\nand more',)),
        ('a = """x"""', ("x",)),
    ],
)
def test_a_value_is_read_as_configobj_writes_it(line: str, items: tuple[str, ...]) -> None:
    assert read_ini(line).values == {"a": items}


def test_sections_nest_and_close_again() -> None:
    root = read_ini("a = 1\n[one]\nb = 2\n[[inner]]\nc = 3\n[two] # said so\nd = 4\n")
    assert root.text("a") == "1"
    assert root.section("one").section("inner").text("c") == "3"
    assert root.section("two").text("d") == "4"
    assert root.section("missing").section("too").text("x", "default") == "default"


def test_none_is_no_value() -> None:
    root = read_ini("a = None\nb = True\n")
    assert (root.text("a"), root.items("a"), root.flag("b"), root.flag("a")) == ("", (), True, False)


@pytest.mark.parametrize(
    "text", ["just words", "= b", "[[deep]]", "[a]]", "[" * 50 + "x" + "]" * 50, "a = 'b' c", "a = '''b\nc"]
)
def test_a_line_that_cannot_be_read_is_named_by_its_number(text: str) -> None:
    with pytest.raises(EvercertError, match="line 2 "):
        read_ini(f"first = line\n{text}")


@given(st.text(alphabet=st.sampled_from("ab ='\"#,[]\n\\"), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert code_of(text) in {"", "bad-input"}


@pytest.mark.parametrize("piece", ["[" * 20_000, "a = " + "'''x" * 9_000, "a = " + '"' * 30_001, "a = ,,,," * 5_000])
def test_hostile_lines_cost_little(piece: str) -> None:
    started = time.process_time()
    assert code_of(piece) in {"", "bad-input"}
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A='b'", "b"),
        ('A="b c"', "b c"),
        ("A=b", "b"),
        ("export A='b'", "b"),
        ("A=''", ""),
        ("A='it'\"'\"'s'", "it's"),
        ("A='it's'", "it's"),
        ("A='$(touch /tmp/x)'", "$(touch /tmp/x)"),
        ("A=`id`", "`id`"),
        (f"A='__ACME_BASE64__START_{base64.b64encode(b'systemctl reload x').decode()}__ACME_BASE64__END_'",
         "systemctl reload x"),
        ("A='__ACME_BASE64__START_!__ACME_BASE64__END_'", "__ACME_BASE64__START_!__ACME_BASE64__END_"),
        ("A='__ACME_BASE64__START_abc__ACME_BASE64__END_'", ""),
    ],
)  # fmt: skip
def test_an_assignment_is_text_and_never_run(line: str, value: str) -> None:
    assert read_assignments(line) == {"A": value}


def test_other_lines_are_passed_over_and_the_last_assignment_wins() -> None:
    assert read_assignments("#A='0'\nA='1'\nif x; then\nrm -rf /\nB=2\nA='3'") == {"A": "3", "B": "2"}


@given(st.text(max_size=300))
def test_any_file_of_assignments_is_read(text: str) -> None:
    assert all(name.isidentifier() for name in read_assignments(text))
