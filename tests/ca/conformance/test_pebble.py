"""One corpus to Pebble and to our CA: where the answers differ, the table says why ours is right, and says no more."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.ca.conformance.corpus import CASES
from tests.ca.conformance.ground import Ground, verdict
from tests.ca.conformance.grounds import our_ground, pebbles_ground

_TABLE = Path(__file__).with_name("differences.toml")
# Those that are about external accounts, where one is required.
_EXTERNAL = {name: case for name, case in CASES.items() if name.startswith("account: external")}
_PLAIN = {name: case for name, case in CASES.items() if name not in _EXTERNAL}


async def verdicts(plain: Ground, external: Ground) -> dict[str, str]:
    answers = {name: await case(plain) for name, case in _PLAIN.items()}
    answers |= {name: await case(external) for name, case in _EXTERNAL.items()}
    return {name: verdict(answer) for name, answer in answers.items()}


def listed() -> dict[str, tuple[str, str]]:
    """Our answer and Pebble's, by case."""
    table = tomllib.loads(_TABLE.read_text())
    rows = [row for each in table["difference"] if each["why"] for row in each["cases"]]
    assert len({case for case, *_ in rows}) == len(rows)
    return {case: (ours, theirs) for case, ours, theirs in rows}


async def test_pebble_and_we_say_the_same_but_for_what_is_listed_with_its_reason(tmp_path: Path) -> None:
    async with our_ground(tmp_path / "ours") as plain, our_ground(tmp_path / "external", external=True) as external:
        ours = await verdicts(plain, external)
    async with (
        pebbles_ground(tmp_path / "pebble") as plain,
        pebbles_ground(tmp_path / "bound", external=True) as external,
    ):
        theirs = await verdicts(plain, external)
    different = {case: (ours[case], theirs[case]) for case in CASES if ours[case] != theirs[case]}
    assert different == listed()
    assert {case: said for case, said in ours.items() if said[0] == "5"} == {}


def test_the_corpus_is_large() -> None:
    assert len(CASES) > 400
