"""The CAs through which strangers travel: one of each for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.strangers.ca import CaUnderTest, evercert_under_test, pebble_under_test


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaUnderTest]:
    """Ours."""
    with evercert_under_test(tmp_path_factory.mktemp("strangers") / "ca") as running:
        yield running


@pytest.fixture(scope="session")
def binding_ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaUnderTest]:
    """Ours, where it takes no account without an external one."""
    with evercert_under_test(tmp_path_factory.mktemp("strangers") / "ca", binding=True) as running:
        yield running


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaUnderTest]:
    """Somebody else's: where a journey fails there too, the fault is not our CA's."""
    with pebble_under_test(tmp_path_factory.mktemp("strangers") / "ca") as running:
        yield running
