"""Make every journey, one after the other, and write down what came of it.

python -m tests.strangers.record        # then `make docs`
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.strangers.ca import CaUnderTest, evercert_under_test
from tests.strangers.client import Client
from tests.strangers.results import FILE, described, entry, try_beyond, try_journey
from tests.strangers.strangers import STRANGERS


def main() -> None:
    """Afterwards results.json says what was seen; it is left as it was where a journey fails."""
    with tempfile.TemporaryDirectory(prefix="strangers-") as made, ExitStack() as stack:
        folder = Path(made)
        ca = stack.enter_context(evercert_under_test(folder / "ca"))
        binding = stack.enter_context(evercert_under_test(folder / "binding", binding=True))
        found = {entry(each): _seen(each, ca, binding, folder) for each in sorted(STRANGERS, key=entry)}
    FILE.write_text(json.dumps(found, indent=2) + "\n")


def _seen(stranger: type[Client], ca: CaUnderTest, binding: CaUnderTest, folder: Path) -> dict[str, Any]:
    print(entry(stranger), file=sys.stderr, flush=True)
    home = folder / stranger.__name__
    journeys = {
        challenge: try_journey(stranger, challenge, ca, home.with_suffix(f".{challenge}"))
        for challenge in stranger.challenges
    }
    for word in stranger.beyond:
        try_beyond(stranger, word, binding if word == "eab" else ca, home.with_suffix(f".{word}"))
    return described(stranger) | {"journeys": journeys}


if __name__ == "__main__":
    main()
