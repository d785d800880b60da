"""The parts of `docs/` that come from the program's tables are what the tables say now."""

from __future__ import annotations

import pytest

from evercert.solve.dns01 import DNS_FIELDS
from evercert.solve.dns_persist01 import PERSIST_FIELDS
from evercert.solve.solvers import SOLVERS
from tools.write_docs import DOCS, PAGES, page


def test_whatever_a_rule_can_be_told_is_on_a_page() -> None:
    providers, declaration = page("dns.md"), page("declaration.md")
    assert [field.name for field in (*DNS_FIELDS, *PERSIST_FIELDS) if f"| `{field.name}` |" not in providers] == []
    fields = {field.name for info in SOLVERS.values() for field in info.fields}
    assert {name for name in fields if f"| `{name}` |" not in declaration} == set()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_tables_say(name: str) -> None:
    assert (DOCS / name).read_text() == page(name), "run `make docs` and read the diff"
