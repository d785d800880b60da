"""External account bindings (RFC 8555 §7.3.4): who gave whom the right to register, and to what."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

import msgspec

from evercert.acme.problem import Problem, ProblemType
from evercert.base.secret import Secret
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.envelope import MACS, Envelope, opened
from evercert.ca.protocol.verify import KeyHolder, canonical_jwk
from evercert.ca.store import eab
from evercert.ca.store.eab import ExternalKey

__all__ = ["bound_to"]

_DIGESTS: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

# What is never in a key id of ours is not looked up; PostgreSQL knows no text with a NUL.
_KID: Final = re.compile(r"[!-~]{1,256}")


async def bound_to(desk: Desk, binding: bytes, holder: KeyHolder) -> ExternalKey | None:
    """The external account that *binding* binds the holder's key to; None where there is none and none is needed.

    Every fault in it is `unauthorized` or `malformed`, and none of them tells whether the key id exists.
    """
    if not binding or binding == b"null":
        if desk.rules.eab_required:
            raise Problem(
                ProblemType.EXTERNAL_ACCOUNT_REQUIRED, "registering here needs a key of an external account from the CA"
            )
        return None
    envelope = _opened(binding, holder)
    key = await eab.find(desk.db, envelope.kid)
    mac_key = eab.opened(key, desk.sealer) if key else Secret(b"nobody's")
    right = _is_by(envelope, mac_key)
    if key is None or not right or not key.is_good(desk.clock.now()) or envelope.alg not in key.algorithms:
        raise Problem(
            ProblemType.UNAUTHORIZED, "the external account binding is not made with a key that is good here (any more)"
        )
    return key


def _opened(binding: bytes, holder: KeyHolder) -> Envelope:
    envelope = opened(binding, MACS)
    if not _KID.fullmatch(envelope.kid) or envelope.nonce:
        raise Problem(ProblemType.MALFORMED, "an external account binding has a kid and no nonce")
    if envelope.url != holder.url:
        raise Problem(ProblemType.MALFORMED, "the url in the external account binding is not the one of the request")
    try:
        bound = canonical_jwk(msgspec.json.decode(envelope.payload, type=dict[str, object]))
    except (msgspec.MsgspecError, KeyError, ValueError, RecursionError) as error:
        raise Problem(ProblemType.MALFORMED, "the external account binding does not hold a key") from error
    if bound != holder.jwk:
        raise Problem(ProblemType.MALFORMED, "the external account binding is for another key than the account's")
    return envelope


def _is_by(envelope: Envelope, key: Secret) -> bool:
    expected = hmac.digest(key.reveal(), envelope.signed, _DIGESTS[envelope.alg])
    return hmac.compare_digest(envelope.signature, expected)
