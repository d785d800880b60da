"""Reasons for a revocation (RFC 5280 §5.3.1): who only names one does not pay for X.509."""

from __future__ import annotations

from typing import Final

__all__ = ["REASONS", "REVOKING", "SUBSCRIBERS"]

# The codes, and what they are called there. 7 is not used.
REASONS: Final = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    8: "removeFromCRL",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}

# By their words: those that revoke something, and those of them that a subscriber may ask for.
REVOKING: Final = {word: code for code, word in REASONS.items() if word != "removeFromCRL"}
SUBSCRIBERS: Final = {REASONS[code]: code for code in (0, 1, 3, 4, 5)}
