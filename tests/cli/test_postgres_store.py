"""Commands on a store in PostgreSQL: the same words, the same answers."""

from __future__ import annotations

from pathlib import Path

from tests.cli.shell import Shell
from tests.peers.postgres import Postgres


def test_a_certificate_lives_in_postgresql_as_it_does_in_a_file(evercert: Shell, postgres: Postgres) -> None:
    where = {"EVERCERT_DATABASE": postgres.fresh().text()}
    name = "life.postgres.test"
    done = evercert("obtain", name, *evercert.at, **where)
    assert done.status == 0, done.err
    first = evercert("show", name, "--json", **where).document["current"]["serial"]
    renewed = evercert("renew", name, "--force", **where)
    assert renewed.status == 0, renewed.err
    assert evercert("show", name, "--json", **where).document["current"]["serial"] != first
    assert [each["name"] for each in evercert("list", "--json", **where).document] == [name]
    assert evercert("events", **where).status == 0
    assert evercert("list", "--json").document == []


def test_a_database_that_cannot_be_had_is_told_with_the_status_of_the_store(evercert: Shell, tmp_path: Path) -> None:
    done = evercert("list", EVERCERT_DATABASE=f"postgresql://me@/x?host={tmp_path}")
    assert done.status == 9
    assert "PostgreSQL runs" in done.hint
    written_out = evercert("list", EVERCERT_DATABASE="postgresql://me:hunter2@db.test/x")
    assert written_out.status == 2
    assert "hunter2" not in written_out.err + written_out.out


def test_a_declaration_is_applied_and_compared_in_postgresql(
    evercert: Shell, postgres: Postgres, tmp_path: Path
) -> None:
    where = {"EVERCERT_DATABASE": postgres.fresh().text(), "EVERCERT_CONFIG": str(tmp_path / "evercert.toml")}
    text = '[certificates.all]\neach = ["n{1..1200}.example.test"]\non_removal = "delete"\n'
    (tmp_path / "evercert.toml").write_text(text)
    applied = evercert("apply", "--no-wait", "--json", **where)
    assert applied.status == 0, applied.err
    assert len(applied.document["changes"]) == 1200
    assert evercert("plan", **where).out == "nothing to do; 1200 unchanged\n"
    (tmp_path / "evercert.toml").write_text(text.replace("1200", "1199"))
    [change] = evercert("plan", "--json", **where).document["changes"]
    assert (change["name"], change["action"]) == ("n1200.example.test", "delete")
