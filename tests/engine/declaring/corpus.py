"""A hundred bad declarations, each with its place and hint: `tests/vectors/bad_declarations.txt`.

    === what is wrong with it
    the TOML
    +++ name of a further file
    its lines
    --- line:column key: message
        hint

`python -m tests.engine.declaring.corpus` writes the expected lines anew; read the diff.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.config.declaration.faults import Fault, Faulty
from evercert.config.declaration.reading import read_declaration
from evercert.config.references import resolve
from evercert.config.settings import load_settings
from evercert.engine.declaring.checking import check_parts
from evercert.engine.targets import Targets
from evercert.host.programs import SystemPrograms
from evercert.net.dns import DnsResolver
from evercert.plugins.contracts import Ports
from tests.fakes.clock import FakeClock
from tests.fakes.transport import FakeTransport

__all__ = ["Case", "cases", "faults_of", "told"]

FILE = Path(__file__).parents[2] / "vectors" / "bad_declarations.txt"


class Case(NamedTuple):
    title: str
    text: str
    files: dict[str, str]
    expected: str


def cases() -> Iterator[Case]:
    for block in FILE.read_text().split("=== ")[1:]:
        title, _, rest = block.partition("\n")
        body, _, expected = rest.partition("\n--- ")
        text, *further = body.split("\n+++ ")
        files = dict(each.split("\n", 1) for each in further)
        yield Case(title, text.removesuffix("\n"), files, f"--- {expected}".rstrip("\n") if expected else "")


def faults_of(case: Case, folder: Path) -> Sequence[Fault]:
    """All that is told of it, by the reader or, where that has nothing to say, by the plugins."""
    file = folder / "evercert.toml"
    file.write_text(case.text + "\n")
    for name, text in case.files.items():
        (folder / name).write_text(text)
    ports = Ports(FakeTransport(_nobody), DnsResolver(), SystemPrograms(), FakeClock())
    targets = Targets(ports, folder, partial(resolve, environ={}))
    try:
        check_parts(read_declaration(file, load_settings({})), targets, partial(resolve, environ={}))
    except Faulty as faulty:
        return faulty.faults
    return ()


def told(faults: Sequence[Fault], folder: Path) -> str:
    """As it stands in the file: the declaration's own name is left out."""
    lines = []
    for fault in faults:
        words = str(fault).replace(f"{folder}/", "").removeprefix("evercert.toml:")
        lines += [f"--- {words}", *([f"    {fault.hint}"] if fault.hint else [])]
    return "\n".join(lines).replace(str(folder), "FOLDER")


def _nobody(request: Request) -> Response:
    raise NetworkFailure("unreachable", "there is no network")


def _write() -> None:
    blocks = []
    for case in cases():
        with TemporaryDirectory() as place:
            expected = told(faults_of(case, Path(place)), Path(place))
        further = "".join(f"+++ {name}\n{text.rstrip()}\n" for name, text in case.files.items())
        blocks.append(f"=== {case.title}\n{case.text}\n{further}{expected}\n")
    FILE.write_text("".join(blocks))


if __name__ == "__main__":
    _write()
