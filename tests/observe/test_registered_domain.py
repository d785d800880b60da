"""Under which domain a CA counts a name."""

from __future__ import annotations

import pytest

from evercert.base.names import parse_identifier
from evercert.observe.registered_domain import registered_domain


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.example.com", "example.com"),
        ("*.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("me.github.io", "me.github.io"),
        ("github.io", "github.io"),
        ("www.city.kawasaki.jp", "city.kawasaki.jp"),
        ("a.b.unheard-of", "b.unheard-of"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_a_name_counts_under_its_registered_domain(name: str, domain: str) -> None:
    assert registered_domain(parse_identifier(name)) == domain
