"""Where the store is: a file, or PostgreSQL with a password that stands nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.config.settings import load_settings

URL = "postgresql://me@db.test/certs"


def store(database: str, **environ: str) -> Path | Secret:
    return load_settings({"EVERCERT_HOME": "/srv/evercert", "EVERCERT_DATABASE": database, **environ}).store


def test_without_a_word_the_store_is_a_file_in_the_home() -> None:
    assert store("") == Path("/srv/evercert/evercert.db")


def test_a_path_is_a_file() -> None:
    assert store("/var/lib/x.db") == Path("/var/lib/x.db")
    assert store("~/x.db") == Path("~/x.db").expanduser()
    assert store("x.db") == Path.cwd() / "x.db"


@pytest.mark.parametrize("url", [URL, "postgres://me@db.test/certs", f"{URL}?sslmode=verify-full", "postgresql:///x"])
def test_a_url_of_postgresql_is_taken_as_it_is(url: str) -> None:
    assert store(url) == Secret(url)


def test_the_password_is_put_where_its_reference_points_from(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a b&c=%/?#@:\n")
    (tmp_path / "password").chmod(0o600)
    reference = f"file:{tmp_path / 'password'}"
    quoted = "password=a%20b%26c%3D%25%2F%3F%23%40%3A"
    assert store(URL, EVERCERT_DATABASE_PASSWORD=reference) == Secret(f"{URL}?{quoted}")
    assert store(f"{URL}?x=y", EVERCERT_DATABASE_PASSWORD=reference) == Secret(f"{URL}?x=y&{quoted}")


def test_a_whole_url_may_be_given_by_reference_and_then_hold_its_password() -> None:
    assert store("env:URL", URL="postgresql://me:secret@db.test/x") == Secret("postgresql://me:secret@db.test/x")


@pytest.mark.parametrize("url", ["postgresql://me:secret@db.test/x", f"{URL}?password=secret", f"{URL}?a=b&password=x"])
def test_a_password_that_is_written_out_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(EvercertError, match="by reference") as caught:
        store(url)
    assert caught.value.code.name == "bad-input"
    assert "secret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("url", ["mysql://me@db.test/x", "postgres//me@db.test/x", "postgresql:me@db.test/x"])
def test_another_database_is_refused_and_a_url_that_is_none_no_file(url: str) -> None:
    with pytest.raises(EvercertError, match="a file or PostgreSQL"):
        store(url)


def test_the_settings_show_no_secret() -> None:
    settings = load_settings({"EVERCERT_DATABASE": "env:URL", "URL": "postgresql://me:secret@db.test/x"})
    assert "secret" not in repr(settings)
    assert "secret" not in repr(settings.store)
