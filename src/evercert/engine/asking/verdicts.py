"""What a failure says of the CA that was asked: one table from codes, one from the CA's own problem types. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.model.fact import Verdict

__all__ = ["OF_CODES", "OF_PROBLEMS", "is_silence", "verdict_of"]

# Every code of ours. None: it is no CA's matter (our disk, a DNS provider, a key), and would be the same at another.
OF_CODES: Final[Mapping[str, Verdict | None]] = {
    "internal": None,
    "bad-input": None,
    "bad-name": None,
    "not-found": None,
    "not-allowed": None,
    "exists": None,
    "unreachable": Verdict.OUTAGE,
    "timeout": Verdict.OUTAGE,
    "tls": Verdict.OUTAGE,
    "too-large": Verdict.OUTAGE,
    "insecure-url": Verdict.REFUSED,
    "bad-answer": Verdict.OUTAGE,
    "acme": Verdict.FAILED,
    "ca-refused": Verdict.REFUSED,
    "rate-limited": Verdict.LIMITED,
    "order-invalid": Verdict.FAILED,
    "challenge-failed": Verdict.FAILED,
    # Another CA may offer the one that is configured.
    "no-challenge": Verdict.REFUSED,
    # It takes longer than any CA should; the order may yet be finished.
    "wait-exceeded": Verdict.OUTAGE,
    "dns": None,
    "zone-not-found": None,
    "provider": None,
    "propagation": None,
    "port": None,
    "bad-key": None,
    "bad-certificate": Verdict.FAILED,
    "deploy": None,
    "not-served": None,
    "program": None,
    "hook": None,
    "store": None,
    "held": Verdict.LIMITED,
    "stopped": None,
    "conflict": None,
    "bad-attestation": Verdict.REFUSED,
    "token": None,
    "sealed": None,
}

# Every type of problem (RFC 8555 §6.7 and later). REFUSED is what will be the same tomorrow, FAILED what may not be.
OF_PROBLEMS: Final[Mapping[ProblemType, Verdict]] = {
    ProblemType.ACCOUNT_DOES_NOT_EXIST: Verdict.FAILED,  # the next attempt registers another one
    ProblemType.ALREADY_REPLACED: Verdict.FAILED,
    ProblemType.ALREADY_REVOKED: Verdict.FAILED,
    ProblemType.AUTO_RENEWAL_CANCELED: Verdict.FAILED,
    ProblemType.AUTO_RENEWAL_CANCELLATION_INVALID: Verdict.FAILED,
    ProblemType.AUTO_RENEWAL_EXPIRED: Verdict.FAILED,
    ProblemType.AUTO_RENEWAL_REVOCATION_NOT_SUPPORTED: Verdict.FAILED,
    ProblemType.BAD_ATTESTATION_STATEMENT: Verdict.REFUSED,
    ProblemType.BAD_CSR: Verdict.REFUSED,
    # Only after a score of them in a row: the CA's nodes do not know one another's.
    ProblemType.BAD_NONCE: Verdict.OUTAGE,
    ProblemType.BAD_PUBLIC_KEY: Verdict.REFUSED,
    ProblemType.BAD_REVOCATION_REASON: Verdict.FAILED,
    ProblemType.BAD_SIGNATURE_ALGORITHM: Verdict.REFUSED,
    ProblemType.CAA: Verdict.REFUSED,
    ProblemType.COMPOUND: Verdict.FAILED,
    ProblemType.CONFLICT: Verdict.FAILED,
    ProblemType.CONNECTION: Verdict.FAILED,
    ProblemType.DNS: Verdict.FAILED,
    ProblemType.EXTERNAL_ACCOUNT_REQUIRED: Verdict.REFUSED,
    ProblemType.INCORRECT_RESPONSE: Verdict.FAILED,
    ProblemType.INVALID_CONTACT: Verdict.REFUSED,
    ProblemType.INVALID_PROFILE: Verdict.REFUSED,
    ProblemType.MALFORMED: Verdict.FAILED,
    ProblemType.ONION_CAA_REQUIRED: Verdict.REFUSED,
    ProblemType.ORDER_NOT_READY: Verdict.FAILED,
    ProblemType.RATE_LIMITED: Verdict.LIMITED,
    ProblemType.REJECTED_IDENTIFIER: Verdict.REFUSED,
    ProblemType.SERVER_INTERNAL: Verdict.OUTAGE,
    ProblemType.TLS: Verdict.FAILED,
    # Of an account that was ended, or of a name that the account may not have.
    ProblemType.UNAUTHORIZED: Verdict.REFUSED,
    ProblemType.UNKNOWN_DELEGATION: Verdict.REFUSED,
    ProblemType.UNSUPPORTED_CONTACT: Verdict.REFUSED,
    ProblemType.UNSUPPORTED_IDENTIFIER: Verdict.REFUSED,
    ProblemType.USER_ACTION_REQUIRED: Verdict.REFUSED,
    ProblemType.OTHER: Verdict.FAILED,
}

# Of a compound problem's parts the one that counts: it has to be over before the order can succeed.
_WORST_FIRST: Final = (Verdict.REFUSED, Verdict.LIMITED, Verdict.OUTAGE, Verdict.FAILED)

# Nobody is there, or only a gateway that says so. A 500 may be about this one certificate.
_SILENT_CODES: Final = frozenset({"unreachable", "timeout", "tls"})
_SILENT_STATUSES: Final = frozenset({502, 503, 504})


# A solver may say that as well as a CA.
_PROVING: Final = frozenset({"challenge-failed"})


def verdict_of(error: EvercertError) -> Verdict | None:
    """What it says of the CA; None where it is no CA's matter. *error* is as the ACME client raised it: whatever came
    from a CA names it, and neither an outage of anybody else (a DNS provider) nor an answer that we could not put up is
    the CA's."""
    if isinstance(error, Problem):
        return _of_problem(error)
    verdict = OF_CODES[error.code.name]
    return None if not error.ca and (verdict is Verdict.OUTAGE or error.code.name in _PROVING) else verdict


def is_silence(error: EvercertError) -> bool:
    """Whether the CA does not answer at all, which is every certificate's matter."""
    if isinstance(error, Problem):
        return error.status in _SILENT_STATUSES
    return bool(error.ca) and error.code.name in _SILENT_CODES


def _of_problem(problem: Problem) -> Verdict:
    if problem.status >= 500:
        return Verdict.OUTAGE
    if problem.type is ProblemType.COMPOUND and problem.subproblems:
        parts = {_of_problem(each) for each in problem.subproblems}
        return next(verdict for verdict in _WORST_FIRST if verdict in parts)
    return OF_PROBLEMS[problem.type]
