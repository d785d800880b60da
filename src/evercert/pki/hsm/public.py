"""The public half of a key, from the attributes that a token shows (PKCS #11 2.40 §2.1.2, §2.3.3; 3.0 §2.3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pkcs11 import Attribute, Object
from pkcs11 import KeyType as TokenKeyType

from evercert.base.errors import EvercertError
from evercert.pki.key_type import KeyType

__all__ = ["EC_PARAMETERS", "public_key"]

# ECParameters in DER: the curve's OID. The last one is how SoftHSM and YubiHSM before PKCS #11 3.0 wrote Ed25519.
EC_PARAMETERS: Final = {
    KeyType.EC256: bytes.fromhex("06082a8648ce3d030107"),
    KeyType.EC384: bytes.fromhex("06052b81040022"),
    KeyType.EC521: bytes.fromhex("06052b81040023"),
    KeyType.ED25519: bytes.fromhex("06032b6570"),
}
_CURVES: Final[dict[bytes, ec.EllipticCurve]] = {
    EC_PARAMETERS[KeyType.EC256]: ec.SECP256R1(),
    EC_PARAMETERS[KeyType.EC384]: ec.SECP384R1(),
    EC_PARAMETERS[KeyType.EC521]: ec.SECP521R1(),
}
_ED25519: Final = (EC_PARAMETERS[KeyType.ED25519], bytes.fromhex("130c656477617264733235353139"))


def public_key(handle: Object) -> Any:
    """The key as the library's own. Raises `bad-key` where it is of a kind that is not used here, or senseless."""
    try:
        return _READERS[handle[Attribute.KEY_TYPE]](handle)
    except (ValueError, KeyError, IndexError) as error:
        raise EvercertError("bad-key", "the token has a public key that is not used here, or cannot be read") from error


def _rsa(handle: Object) -> rsa.RSAPublicKey:
    modulus, exponent = handle[Attribute.MODULUS], handle[Attribute.PUBLIC_EXPONENT]
    return rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()


def _ec(handle: Object) -> ec.EllipticCurvePublicKey:
    curve = _CURVES[bytes(handle[Attribute.EC_PARAMS])]
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, _point(handle, 2 * ((curve.key_size + 7) // 8) + 1))


def _edwards(handle: Object) -> ed25519.Ed25519PublicKey:
    if bytes(handle[Attribute.EC_PARAMS]) not in _ED25519:
        raise ValueError("another curve")
    return ed25519.Ed25519PublicKey.from_public_bytes(_point(handle, 32))


def _point(handle: Object, length: int) -> bytes:
    """Tokens wrap the point in an OCTET STRING, as they should, in a BIT STRING, or not at all; it is the end of it."""
    point = bytes(handle[Attribute.EC_POINT])
    if not length <= len(point) <= length + 4:
        raise ValueError("a point of another length")
    return point[-length:]


_READERS: Final[dict[Any, Callable[[Object], Any]]] = {
    TokenKeyType.RSA: _rsa,
    TokenKeyType.EC: _ec,
    TokenKeyType.EC_EDWARDS: _edwards,
}
