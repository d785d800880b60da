"""Secrets by reference."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.config.references import is_reference, resolve


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "secret"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_variable_is_taken_as_it_is() -> None:
    assert resolve("env:NAME", {"NAME": " x\n"}).text() == " x\n"


@pytest.mark.parametrize(
    ("content", "secret"), [(b"x\n", b"x"), (b"x\r\n", b"x"), (b"x\n\n", b"x\n"), (b" x ", b" x "), (b"\xff", b"\xff")]
)
def test_a_files_final_line_break_is_not_part_of_it(tmp_path: Path, content: bytes, secret: bytes) -> None:
    assert resolve(f"file:{secret_file(tmp_path, content)}", {}).reveal() == secret


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warns: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        resolve(f"file:{secret_file(tmp_path, b'hunter2', mode)}", {})
    assert ("chmod 600" in caplog.text) is warns
    assert "hunter2" not in caplog.text


def test_a_systemd_credential_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "dns-token").write_text("x\n")
    assert resolve("cred:dns-token", {"CREDENTIALS_DIRECTORY": str(tmp_path)}).text() == "x"


def test_whoever_is_no_unit_is_told_how_to_have_its_credentials() -> None:
    with pytest.raises(EvercertError, match="not a systemd unit with credentials") as caught:
        resolve("cred:dns-token", {})
    assert "CREDENTIALS_DIRECTORY" in caught.value.hint


@pytest.mark.parametrize("name", ["../secret", "a/b", "..", ".", "a\0b"])
def test_a_credential_is_a_name_and_not_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    secret_file(tmp_path, b"x")
    with pytest.raises(EvercertError, match="not a credential's name"):
        resolve(f"cred:{name}", {"CREDENTIALS_DIRECTORY": str(tmp_path / "folder")})


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("hunter2", "bad-input"),
        ("", "bad-input"),
        ("env:", "bad-input"),
        ("ENV:hunter2", "bad-input"),
        ("env:GONE", "not-found"),
        ("env:EMPTY", "not-found"),
        ("cred:name", "not-found"),
        ("file:relative", "bad-input"),
        ("file:/no/such/file", "not-found"),
        ("file:/dev/zero", "bad-input"),
        ("file:/", "bad-input"),
        ("file:/a\0b", "bad-input"),
        ("file:/\udcff\ud800", "bad-input"),
    ],
)
def test_what_cannot_be_resolved_is_told_and_not_repeated(reference: str, code: str) -> None:
    with pytest.raises(EvercertError) as caught:
        resolve(reference, {"EMPTY": ""})
    assert caught.value.code.name == code
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


def test_a_pipe_does_not_stop_us(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EvercertError, match="not a file"):
        resolve(f"file:{tmp_path / 'pipe'}", {})


def test_a_secret_has_a_bounded_size(tmp_path: Path) -> None:
    with pytest.raises(EvercertError) as caught:
        resolve(f"file:{secret_file(tmp_path, b'x' * 70_000)}", {})
    assert caught.value.code.name == "too-large"


@given(st.text())
def test_only_our_error_comes_out(text: str) -> None:
    try:
        resolve(text, {})
    except EvercertError:
        return
    assert is_reference(text)


def test_a_program_says_it_without_a_shell(tmp_path: Path) -> None:
    program = tmp_path / "say"
    program.write_text('#!/bin/sh\nprintf "%s|%s|%s\\n" "$1" "$2" "$WHO"\n')
    program.chmod(0o700)
    assert resolve(f"exec:{program} 'a b' '$HOME;id'", {"WHO": "me"}).text() == "a b|$HOME;id|me"


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("exec:", "bad-input"),
        ("exec: ", "bad-input"),
        ("exec:say", "bad-input"),
        ("exec:/bin/sh 'open", "bad-input"),
        ("exec:/bin/true", "not-found"),
        ("exec:/bin/false", "program"),
        ("exec:/no/such/program", "program"),
    ],
)
def test_a_program_that_says_nothing_is_told(reference: str, code: str) -> None:
    with pytest.raises(EvercertError) as caught:
        resolve(reference, {})
    assert caught.value.code.name == code
