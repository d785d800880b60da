from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.deploy.edits import Edit, Journal, edited


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.conf"
    path.write_bytes(b"one two three\xff\r\n")
    path.chmod(0o640)
    os.chown(path, -1, os.getgid())
    return path


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def written(path: Path, journal: Journal, old: str, new: str) -> None:
    text = text_of(path)
    start = text.index(old)
    journal.write({path: text}, [Edit(path, start, start + len(old), new)])


def test_an_edit_is_made_and_taken_back_to_the_byte(tmp_path: Path, file: Path) -> None:
    before = file.read_bytes()
    written(file, Journal(tmp_path / "journal"), "two", "2")
    assert file.read_bytes() == b"one 2 three\xff\r\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert Journal(tmp_path / "journal").undo()
    assert file.read_bytes() == before
    assert not Journal(tmp_path / "journal").undo()


def test_what_the_user_changed_meanwhile_stays(tmp_path: Path, file: Path) -> None:
    journal = Journal(tmp_path / "journal")
    written(file, journal, "two", "2")
    file.write_bytes(file.read_bytes().replace(b"three", b"four"))
    journal.undo()
    assert file.read_bytes() == b"one two four\xff\r\n"


def test_a_file_that_the_user_removed_stays_removed(tmp_path: Path, file: Path) -> None:
    journal = Journal(tmp_path / "journal")
    written(file, journal, "two", "2")
    file.unlink()
    assert journal.undo()
    assert not file.exists()


def test_two_journals_are_taken_back_in_any_order(tmp_path: Path, file: Path) -> None:
    before = file.read_bytes()
    first, second = Journal(tmp_path / "first"), Journal(tmp_path / "second")
    for journal, line in ((first, "\n# first"), (second, "\n# second")):
        journal.write({file: text_of(file)}, [Edit(file, 3, 3, line)])
    first.undo()
    assert file.read_bytes() == b"one\n# second two three\xff\r\n"
    second.undo()
    assert file.read_bytes() == before


def test_a_journal_grows_and_is_taken_back_whole(tmp_path: Path, file: Path) -> None:
    before, journal = file.read_bytes(), Journal(tmp_path / "journal")
    written(file, journal, "two", "2")
    written(file, journal, "three", "3")
    assert journal.mentions("3")
    assert not journal.mentions("4")
    journal.undo()
    assert file.read_bytes() == before


def test_a_journal_whose_edit_was_never_made_changes_nothing(tmp_path: Path, file: Path) -> None:
    before, journal = file.read_bytes(), Journal(tmp_path / "journal")
    written(file, journal, "two", "2")
    file.write_bytes(before)
    assert journal.undo()
    assert file.read_bytes() == before


def test_a_file_that_changed_under_our_hands_is_not_written(tmp_path: Path, file: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with pytest.raises(EvercertError, match="changed by somebody else"):
        journal.write({file: "something older"}, [Edit(file, 0, 0, "x")])
    assert not journal.is_open()


def test_what_is_forgotten_stays(tmp_path: Path, file: Path) -> None:
    journal = Journal(tmp_path / "journal")
    written(file, journal, "two", "2")
    journal.forget()
    assert not journal.undo()
    assert text_of(file).startswith("one 2 three")


def test_a_damaged_journal_is_told_and_touches_nothing(tmp_path: Path, file: Path) -> None:
    (tmp_path / "journal").write_text("[{")
    with pytest.raises(EvercertError, match="damaged"):
        Journal(tmp_path / "journal").undo()


@given(st.text(), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), st.text(max_size=5)), max_size=5))
def test_edits_change_their_spans_and_nothing_else(text: str, wanted: list[tuple[int, int, str]]) -> None:
    edits, place, kept = [], 0, []
    for gap, length, new in wanted:
        start = min(place + gap, len(text))
        end = min(start + length, len(text))
        kept += [text[place:start], new]
        edits.append(Edit(Path("f"), start, end, new))
        place = end
    assert edited(text, edits) == "".join([*kept, text[place:]])
