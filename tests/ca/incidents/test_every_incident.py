"""What broke elsewhere, row by row, and the tests that prove it does not break here."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[2]

# Each row is an incident (or a kind of them) and where it is proved: FILE::TEST, or FILE for all that is in it.
PROVED: Final[Mapping[str, Sequence[str]]] = {
    "CVE-2025-44005 step-ca: a token of an ACME provisioner at /sign": (
        "ca/incidents/test_protocol_ownership.py::test_cve_2025_44005_and_cve_2026_30836_nothing_is_signed_but_through_an_order",
    ),
    "CVE-2026-30836 step-ca: an SCEP message without credentials": (
        "ca/incidents/test_protocol_ownership.py::test_cve_2026_30836_no_message_without_credentials_does_anything",
    ),
    "CVE-2026-40097 step-ca: a panic over an attestation certificate with an empty EKU": (
        "pki/attestation/test_tpm.py::test_cve_2026_40097_an_attestation_certificate_with_an_empty_extended_key_usage",
        "ca/conformance/test_fuzz.py",
    ),
    "CVE-2025-66406 step-ca: revoked with another subject's certificate": (
        "ca/incidents/test_protocol_ownership.py::test_cve_2025_66406_a_valid_certificate_of_another_subject_revokes_nothing",
    ),
    "CVE-2026-5052 Vault: validations that reach the inside": (
        "ca/incidents/test_validation_addresses.py::test_cve_2026_5052_no_packet_is_sent_to_the_inside",
        "ca/incidents/test_validation_addresses.py::test_cve_2026_5052_not_even_by_a_redirect",
    ),
    "Dogtag 5407, 5409: addresses as names, redirects, the body in the error": (
        "ca/incidents/test_protocol_requests.py::test_dogtag_5407_an_address_is_no_dns_name",
        "ca/incidents/test_validation_hostile_servers.py::test_dogtag_5407_no_word_of_the_server_is_repeated",
        "ca/incidents/test_validation_hostile_servers.py::test_dogtag_5407_no_answer_of_the_ca_has_a_word_of_the_server",
    ),
    "acme 136: names whose last label is a number": (
        "ca/incidents/test_validation_addresses.py::test_dogtag_5407_and_acme_136_a_name_that_looks_like_an_address_is_no_dns_name",
    ),
    "a2c 373: resources of other accounts": (
        "ca/incidents/test_protocol_ownership.py::test_a2c_373_nothing_of_another_account_is_read_changed_or_used",
        "ca/incidents/test_protocol_ownership.py::test_a2c_373_nobody_acts_as_another_account_by_its_url",
        "ca/conformance/test_walk.py",
    ),
    "UCM 260, 191: ownership in a proxy, and a way around external accounts": (
        "ca/incidents/test_protocol_requests.py::test_ucm_191_nobody_registers_without_a_binding_that_holds",
        "ca/incidents/test_protocol_requests.py::test_ucm_191_a_binding_that_was_seen_binds_nobody_else_and_nothing_twice",
        "ca/incidents/test_protocol_requests.py::test_ucm_260_a_key_change_leads_no_account_out_of_its_binding",
    ),
    "ACME-Server-ADCS 115: a forged revocation, an unprotected kid": (
        "ca/incidents/test_protocol_ownership.py::test_adcs_115_a_forged_signature_revokes_nothing",
        "ca/incidents/test_protocol_ownership.py::test_adcs_115_an_unprotected_kid_is_not_trusted",
    ),
    "Boulder 2020: CAA looked at again for one name many times": (
        "ca/incidents/test_validation_caa.py::test_boulder_2020_the_kth_of_many_names_is_looked_at_for_every_k",
        "ca/incidents/test_validation_caa.py::test_boulder_2020_an_order_whose_kth_name_is_forbidden_is_given_up_for_every_k",
    ),
    "Let's Encrypt 2022: an old TLS, and a draft's extension": (
        "ca/incidents/test_validation_tls_alpn.py::test_le_2022_a_tls_older_than_1_2_is_refused",
        "ca/incidents/test_validation_tls_alpn.py::test_le_2022_the_extension_of_a_draft_is_none",
    ),
    "TLS-SNI 2018: what shared hosting answers": (
        "ca/incidents/test_validation_tls_alpn.py::test_tls_sni_2018_what_shared_hosting_might_show_is_refused",
    ),
    "Boulder 335: path traversal by the token": (
        "ca/incidents/test_validation_addresses.py::test_boulder_335_the_path_is_exactly_the_challenges",
    ),
    "ACME++: authorizations that are used after they should be": (
        "ca/incidents/test_protocol_ownership.py::test_acme_plus_plus_what_was_proved_serves_no_longer_than_it_holds",
        "ca/incidents/test_protocol_ownership.py::test_acme_plus_plus_a_key_change_keeps_what_was_proved_and_a_deactivation_ends_it",
    ),
    "BGP hijacks: one place sees what nobody else does": (
        "ca/incidents/test_validation_perspectives.py::test_bgp_hijack_what_only_the_ca_sees_is_not_enough",
        "ca/incidents/test_validation_perspectives.py::test_one_lying_perspective_of_three_passes_only_under_the_rule",
    ),
    "JWS: the algorithm is the sender's choice": (
        "ca/incidents/test_protocol_requests.py::test_alg_confusion_a_public_key_is_no_mac_key",
        "ca/incidents/test_protocol_requests.py::test_alg_confusion_nothing_but_the_keys_own_algorithm_is_taken",
        "ca/protocol/test_requests.py::test_a_member_that_stands_twice_is_refused",
        "ca/protocol/test_requests.py::test_a_signature_in_der_is_refused",
    ),
    "JWS, a2c: the request of one resource at another": (
        "ca/incidents/test_protocol_ownership.py::test_a2c_a_request_for_one_resource_serves_at_no_other",
    ),
    "Nonces: one used twice, by two at once, at two nodes": (
        "ca/protocol/test_requests.py::test_a_nonce_serves_once",
        "ca/cluster/test_shared.py::test_of_many_nodes_that_are_shown_one_nonce_at_once_one_takes_it",
    ),
    "Nonces: burned by whoever cannot sign": (
        "ca/protocol/test_requests.py::test_a_nonce_outlives_a_request_with_a_wrong_signature",
    ),
    "Key changes: what the inner signature says": (
        "ca/protocol/test_accounts.py::test_a_key_change_that_is_not_right_changes_nothing",
        "ca/protocol/test_accounts.py::test_a_key_that_is_in_use_is_not_taken",
    ),
    "External accounts: what the binding says": (
        "ca/protocol/test_accounts.py::test_a_binding_that_is_not_right_binds_nothing",
        "ca/incidents/test_protocol_requests.py::test_ucm_191_a_binding_is_a_mac",
    ),
    "Certificate requests: too much, too little, the wrong thing": (
        "ca/profiles/test_request.py::test_a_wrong_request_is_refused",
        "ca/profiles/test_request.py::test_a_request_that_its_key_did_not_sign_is_refused",
        "ca/profiles/test_request.py::test_whatever_is_sent_is_a_bad_csr",
        "ca/protocol/test_certificates.py::test_a_request_that_is_not_for_the_order_leaves_it_ready",
    ),
    "knrdl, UCM: two finalize at once, two certificates": (
        "ca/conformance/test_finalize_races.py::test_of_a_thousand_races_each_makes_one_certificate",
    ),
    "Weak keys: Debian, ROCA, Fermat, small exponents and factors": (
        "pki/test_weak.py::test_a_debian_key_is_refused_where_the_list_has_it",
        "pki/test_weak.py::test_a_key_of_the_roca_library_is_refused",
        "pki/test_weak.py::test_close_factors_are_found_within_a_hundred_rounds_of_fermats_method",
        "pki/test_weak.py::test_an_rsa_key_with_another_exponent_is_refused",
        "pki/test_weak.py::test_a_modulus_with_a_small_factor_is_refused",
        "ca/profiles/test_request.py::test_a_weak_key_is_refused_with_its_reason",
    ),
    "Redirects: circles, long ways, other schemes and ports": (
        "ca/validation/test_redirects.py",
        "ca/incidents/test_validation_hostile_servers.py::test_redirects_a_circle_and_a_long_way_are_ended",
    ),
    "DNS rebinding": (
        "ca/incidents/test_validation_addresses.py::test_dns_rebinding_only_what_was_checked_is_dialled",
        "ca/incidents/test_validation_addresses.py::test_dns_rebinding_each_hop_is_resolved_and_checked_anew",
    ),
    "a2c: bombs that unpack, answers that do not end": (
        "ca/incidents/test_validation_hostile_servers.py::test_a2c_zip_bomb_what_would_unpack_to_much_is_cut_and_not_unpacked",
        "ca/incidents/test_validation_hostile_servers.py::test_slow_and_endless_answers_end_in_time_and_take_no_memory",
    ),
    "h11 CVE-2025-43859 and others: smuggled requests": (
        "net/serve/test_hostile.py::test_what_two_readers_might_read_differently_is_not_read",
        "net/serve/test_hostile.py::test_a_bad_chunk_ends_it",
    ),
    "jwcrypto CVE-2024-28102, authlib CVE-2024-37568: libraries with traps": (
        "ca/incidents/test_protocol_requests.py::test_jwcrypto_cve_2024_28102_and_others_the_libraries_with_traps_are_not_used",
    ),
    "Caddy on demand: names without end": (
        "ca/incidents/test_protocol_requests.py::test_caddy_on_demand_names_without_end_come_to_one",
        "ca/incidents/test_review_limits.py",
    ),
    "Boulder: a wildcard and a name that it covers": (
        "ca/incidents/test_protocol_requests.py::test_boulder_a_wildcard_and_a_name_that_it_covers_are_malformed",
    ),
    "IDN, capitals, a final dot: ways around a policy": (
        "ca/incidents/test_protocol_requests.py::test_idn_case_and_dots_lead_around_no_policy",
        "ca/profiles/test_names.py::test_a_policy_is_not_bypassed_by_another_spelling",
    ),
}  # fmt: skip


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(each.name for each in functions if each.name.startswith("test_"))


@pytest.mark.parametrize("incident", PROVED)
def test_what_is_said_to_prove_it_is_there(incident: str) -> None:
    for place in PROVED[incident]:
        file, _, name = place.partition("::")
        assert not name or name in named_in(file), place
        assert named_in(file), place


def test_every_test_that_names_an_incident_stands_with_it() -> None:
    """Whoever adds one adds its row; those of our own reviews name no incident."""
    named = {place for places in PROVED.values() for place in places}
    files = [each for each in Path(__file__).parent.glob("test_*.py") if each != Path(__file__)]
    known = {place.partition("::")[0] for place in named}
    ours = {f"ca/incidents/{each.name}" for each in files if not each.name.startswith("test_review_")}
    assert ours <= known
