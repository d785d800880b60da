"""Requests to any ACME CA, good, wrong and hostile: each a name and what is sent; nothing is said about the answer."""

from tests.ca.conformance.corpus import accounts, certificates, orders, requests
from tests.ca.conformance.corpus.cases import Case

__all__ = ["CASES"]

CASES: dict[str, Case] = requests.CASES | accounts.CASES | orders.CASES | certificates.CASES
