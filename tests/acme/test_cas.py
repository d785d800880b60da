from __future__ import annotations

import pytest

from evercert.acme.cas import KNOWN_CAS, KnownCa, find_ca, known_ca, staging_of
from evercert.acme.foreign import checked_url
from evercert.base.errors import EvercertError


@pytest.mark.parametrize("ca", KNOWN_CAS, ids=lambda ca: ca.id)
def test_a_known_ca_is_found_by_id_and_by_directory(ca: KnownCa) -> None:
    assert known_ca(ca.id) is known_ca(ca.id.upper()) is known_ca(ca.directory) is ca
    assert find_ca(ca.id) == ca.directory
    assert checked_url(ca.directory, directory=ca.directory, allow_http=False)


def test_no_two_cas_share_an_id_or_a_directory() -> None:
    assert len({ca.id for ca in KNOWN_CAS}) == len({ca.directory for ca in KNOWN_CAS}) == len(KNOWN_CAS)


def test_every_staging_counterpart_is_known_and_its_own() -> None:
    for ca in KNOWN_CAS:
        if ca.staging:
            assert known_ca(ca.staging).staging == ca.staging
            assert staging_of(ca.directory) == ca.staging


def test_a_url_is_itself() -> None:
    assert find_ca("https://ca.internal/acme/directory") == "https://ca.internal/acme/directory"


def test_a_slip_of_the_finger_is_asked_about() -> None:
    with pytest.raises(EvercertError, match="no known CA") as caught:
        find_ca("letsencypt")
    assert caught.value.hint == "did you mean letsencrypt?"


def test_an_unknown_ca_s_staging_is_for_the_user_to_name() -> None:
    for directory in ("https://ca.internal/directory", known_ca("zerossl").directory):
        with pytest.raises(EvercertError, match="no staging counterpart"):
            staging_of(directory)
