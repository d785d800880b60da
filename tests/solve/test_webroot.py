"""Files below a web server's folder: only ours, whole, readable, and gone afterwards."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.solve.webroot import WebrootSolver
from tests.solve.given import Ledger, item

CHALLENGES = ".well-known/acme-challenge"


def token(name: str = "token", **other: Any) -> Any:
    path = f"/{CHALLENGES}/{name}"
    return item(f"{name}.thumbprint", path, token=name, identifier="example.test", challenge_type="http-01", **other)


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


async def test_a_token_file_can_be_read_by_the_web_server_whatever_our_umask_is(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        await WebrootSolver(str(tmp_path)).present([token()], Ledger().keep)
    finally:
        os.umask(before)
    file = tmp_path / CHALLENGES / "token"
    assert file.read_text() == "token.thumbprint"
    assert file.stat().st_mode & 0o777 == 0o644
    assert {folder.stat().st_mode & 0o777 for folder in (file.parent, file.parent.parent)} == {0o755}


async def test_nothing_is_left_of_what_we_made(tmp_path: Path) -> None:
    solver, items = WebrootSolver(str(tmp_path)), [token("one"), token("two")]
    await solver.present(items, Ledger().keep)
    await solver.clean_up(items[:1])
    assert tree(tmp_path) == [".well-known", CHALLENGES, f"{CHALLENGES}/two"]
    await solver.clean_up(items)
    await solver.clean_up(items)
    assert tree(tmp_path) == []


async def test_files_and_folders_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / ".well-known").mkdir()
    solver, items = WebrootSolver(str(tmp_path)), [token()]
    await solver.present(items, Ledger().keep)
    (tmp_path / CHALLENGES / "theirs").touch()
    await solver.clean_up(items)
    assert tree(tmp_path) == [".well-known", CHALLENGES, f"{CHALLENGES}/theirs"]


async def test_folders_that_were_there_empty_stay(tmp_path: Path) -> None:
    (tmp_path / CHALLENGES).mkdir(parents=True)
    solver, items = WebrootSolver(str(tmp_path)), [token()]
    await solver.present(items, Ledger().keep)
    await solver.clean_up(items)
    assert tree(tmp_path) == [".well-known", CHALLENGES]


async def test_another_process_removes_what_a_dead_one_left_its_unfinished_file_and_folders_too(tmp_path: Path) -> None:
    ledger, left = Ledger(), token()
    await WebrootSolver(str(tmp_path)).present([left], ledger.keep)
    (tmp_path / CHALLENGES / ".token.evercert").write_text("half")
    await WebrootSolver(str(tmp_path)).clean_up(ledger.as_stored(left))
    assert tree(tmp_path) == []


async def test_a_token_that_two_orders_need_stays_until_both_have_let_go(tmp_path: Path) -> None:
    solver = WebrootSolver(str(tmp_path))
    first, second = token(issuance_id=1), token(issuance_id=2)
    await solver.present([first], Ledger().keep)
    await solver.present([second], Ledger().keep)
    await solver.clean_up([first])
    assert (tmp_path / CHALLENGES / "token").exists()
    await solver.clean_up([second])
    assert tree(tmp_path) == []


async def test_many_at_once_have_their_files_as_long_as_they_need_them_and_leave_nothing(tmp_path: Path) -> None:
    """Folders come and go meanwhile, and two orders each share a token."""
    solver = WebrootSolver(str(tmp_path))

    async def order(number: int) -> None:
        for turn in range(5):
            own = token(f"token{number // 2}-{turn}", issuance_id=number)
            await solver.present([own], Ledger().keep)
            assert (tmp_path / CHALLENGES / own.token).exists()
            await solver.clean_up([own])

    await asyncio.gather(*map(order, range(40)))
    assert tree(tmp_path) == []


async def test_who_is_cancelled_while_his_files_appear_takes_all_of_them_away(tmp_path: Path) -> None:
    (tmp_path / CHALLENGES).mkdir(parents=True)
    solver, items = WebrootSolver(str(tmp_path)), [token(f"token{number}") for number in range(200)]
    presenting = asyncio.create_task(solver.present(items, Ledger().keep))
    await asyncio.sleep(0)
    presenting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await presenting
    await solver.clean_up(items)
    assert tree(tmp_path) == [".well-known", CHALLENGES]


@pytest.mark.parametrize("link", [".well-known", CHALLENGES])
async def test_a_link_below_the_root_is_not_followed(tmp_path: Path, link: str) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "root"
    elsewhere.mkdir()
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(elsewhere)
    with pytest.raises(EvercertError, match="a link or a file is where a folder should be"):
        await WebrootSolver(str(root)).present([token()], Ledger().keep)
    assert tree(elsewhere) == []


async def test_a_link_where_the_token_shall_stand_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (tmp_path / CHALLENGES).mkdir(parents=True)
    for name in ("token", ".token.evercert"):
        (tmp_path / CHALLENGES / name).symlink_to(victim)
    await WebrootSolver(str(tmp_path)).present([token()], Ledger().keep)
    assert victim.read_text() == "theirs"
    assert (tmp_path / CHALLENGES / "token").read_text() == "token.thumbprint"


async def test_a_token_that_is_a_path_is_neither_written_nor_removed(tmp_path: Path) -> None:
    root, victim = tmp_path / "root", tmp_path / "victim"
    (root / CHALLENGES).mkdir(parents=True)
    victim.write_text("theirs")
    hostile, solver = token("../../../victim"), WebrootSolver(str(root))
    with pytest.raises(EvercertError, match="cannot be one"):
        await solver.present([hostile], Ledger().keep)
    with pytest.raises(EvercertError, match="cannot be one"):
        await solver.clean_up([hostile])
    assert victim.read_text() == "theirs"


async def test_a_root_that_is_not_there_is_told_and_has_nothing_to_clean_up(tmp_path: Path) -> None:
    solver = WebrootSolver(str(tmp_path / "none"))
    with pytest.raises(EvercertError, match="cannot write below"):
        await solver.present([token()], Ledger().keep)
    await solver.clean_up([token()])


def test_a_root_is_an_absolute_path() -> None:
    with pytest.raises(EvercertError, match="absolute"):
        WebrootSolver("var/www")
