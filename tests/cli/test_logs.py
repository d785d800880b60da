"""A server's log: one event, one line, whatever was in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from typing import Any

import pytest

from evercert.base.secret import Secret
from evercert.cli.logs import log_to_stderr

HOSTILE = "a\nERROR evercert.ca: forged\x1b[2J\x00\r\u202e\u2028\x85end" + "x" * 100_000


@pytest.fixture
def written() -> Iterator[Callable[..., str]]:
    """What one record comes to, said in that form."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def write(form: str, *words: Any, **more: Any) -> str:
        stream = io.StringIO()
        with redirect_stderr(stream):
            log_to_stderr(form, "info")
        logging.getLogger("evercert.tests").log(more.pop("level", logging.ERROR), *words, **more)
        return stream.getvalue()

    yield write
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger("evercert").setLevel(logging.NOTSET)


def test_an_event_is_one_object(written: Callable[..., str]) -> None:
    about = {"account": 7, "serial": "ab", "problem": "rateLimited", "seconds": 0.25, "key": "not a field"}
    event = json.loads(written("json", "issued %s", "www.test", level=logging.INFO, extra=about))
    assert event.pop("at").endswith("Z")
    assert event == {
        "level": "info",
        "logger": "evercert.tests",
        "message": "issued www.test",
        "account": 7,
        "serial": "ab",
        "problem": "rateLimited",
        "seconds": 0.25,
    }


def test_people_read_the_same(written: Callable[..., str]) -> None:
    line = written("text", "issued %s", "www.test", level=logging.WARNING, extra={"account": 7})
    assert line.endswith(" WARNING evercert.tests: issued www.test (account=7)\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_hostile_record_is_one_line_with_an_end(written: Callable[..., str], form: str) -> None:
    line = written(form, "path %s", HOSTILE, extra={"path": HOSTILE, "peer": HOSTILE})
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert len(line) < 8000


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_bounded_and_begins_no_event(written: Callable[..., str], form: str) -> None:
    def deeper(depth: int) -> None:
        if depth:
            deeper(depth - 1)
        raise ValueError(HOSTILE)

    try:
        deeper(60)
    except ValueError:
        text = written(form, "it failed", exc_info=True)
    lines = text.splitlines()
    assert len(text) < 40_000
    assert lines[1:] == [] if form == "json" else all(line.startswith("  | ") for line in lines[1:])


def test_a_secret_does_not_show_and_less_than_the_level_is_not_said(written: Callable[..., str]) -> None:
    assert "s3cret" not in written("json", "opened %s", Secret("s3cret"), extra={"path": Secret("s3cret")})
    assert written("json", "nothing", level=logging.DEBUG) == ""


def test_words_that_do_not_fit_hide_no_event(written: Callable[..., str]) -> None:
    assert json.loads(written("json", "%d of %d", "one"))["message"] == "%d of %d"
