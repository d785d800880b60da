"""Weak keys: public keys that no certificate may be made for (CA/Browser Forum, Baseline Requirements §6.1.1.3).

Each check is arithmetic on the public key alone, and together they cost an RSA key less than its signature does.
"""

from __future__ import annotations

from functools import cache
from math import gcd, isqrt, lcm, prod
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from evercert.base.foreign import one_line
from evercert.pki.blocklist import Blocklist
from evercert.pki.key_type import KeyType

__all__ = ["public_key_type", "weakness"]

# An ML-DSA-87 key has 2.6 kB.
_MAX_SPKI: Final = 8 * 1024

_CURVES: Final = {"secp256r1": KeyType.EC256, "secp384r1": KeyType.EC384, "secp521r1": KeyType.EC521}
_OTHERS: Final = {
    ed25519.Ed25519PublicKey: KeyType.ED25519,
    mldsa.MLDSA44PublicKey: KeyType.MLDSA44,
    mldsa.MLDSA65PublicKey: KeyType.MLDSA65,
    mldsa.MLDSA87PublicKey: KeyType.MLDSA87,
}

_RSA_BITS: Final = {2048: KeyType.RSA2048, 3072: KeyType.RSA3072, 4096: KeyType.RSA4096}
_EXPONENT: Final = 65537

# "the first 752 small primes, all prime numbers less than 5742" (NIST SP 800-89 §5.3.3).
_LAST_SMALL_PRIME: Final = 5742

# Baseline Requirements §6.1.1.3 (4): "at least 100 rounds of Fermat's factorization".
_FERMAT_ROUNDS: Final = 100

# ROCA (CVE-2017-15361): a prime of that library is k * M + (65537^a mod M), and the M of every key size is a multiple
# of the product of the first 39 primes (Nemec et al., "The Return of Coppersmith's Attack", ACM CCS 2017, §2.1).
_ROCA_PRIMES: Final = 39
_ROCA_GENERATOR: Final = 65537


def weakness(spki: bytes, blocklist: Blocklist | None = None) -> str:
    """Why no certificate may carry the key in *spki* (DER), as a clause about the key; "" for a good one.

    For bytes of a stranger: nothing is raised.
    """
    key = _load(spki)
    if key is None:
        return "it cannot be read, or is no point on its curve"
    if public_key_type(key) is None:
        return _refused_kind(key)
    if fault := _rsa_fault(key) if isinstance(key, rsa.RSAPublicKey) else "":
        return fault
    if blocklist is not None and (collection := blocklist.collection(key)):
        return f"its private half is publicly known ({one_line(collection)})"
    return ""


def public_key_type(key: Any) -> KeyType | None:
    """The type of a public key of the library's; None for one that is not used here."""
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA_BITS.get(key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name)
    return next((key_type for kind, key_type in _OTHERS.items() if isinstance(key, kind)), None)


def _load(spki: bytes) -> Any:
    """The key; a point that is not on its curve is none (OpenSSL checks it, SEC 1 §3.2.2.1)."""
    if len(spki) > _MAX_SPKI:
        return None
    try:
        return load_der_public_key(spki)
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm):
        return None


def _refused_kind(key: Any) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"its modulus has {key.key_size} bits, and 2048, 3072 or 4096 are taken"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"its curve is {one_line(key.curve.name)}, and P-256, P-384 or P-521 are taken"
    return "keys of its kind are not taken"


def _rsa_fault(key: rsa.RSAPublicKey) -> str:
    numbers = key.public_numbers()
    if numbers.e != _EXPONENT:
        return f"its exponent is not {_EXPONENT}"
    if gcd(numbers.n, _small_primes_product()) != 1:
        return f"its modulus has a prime factor below {_LAST_SMALL_PRIME}"
    if _has_close_factors(numbers.n):
        return "the two factors of its modulus are close together (Fermat)"
    if _is_roca(numbers.n):
        return "it was made by a library whose keys can be factored (ROCA, CVE-2017-15361)"
    return ""


@cache
def _small_primes_product() -> int:
    return prod(_primes_below(_LAST_SMALL_PRIME))


def _primes_below(end: int) -> list[int]:
    sieve = bytearray([1]) * end
    sieve[:2] = b"\0\0"
    for number in range(2, isqrt(end) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, end, number)))
    return [number for number in range(end) if sieve[number]]


def _has_close_factors(n: int) -> bool:
    """Fermat: whether a² - n is a square for one of the first a from √n upwards, and a ± √(a² - n) the factors."""
    a = isqrt(n - 1) + 1
    rest = a * a - n
    for _ in range(_FERMAT_ROUNDS):
        if _may_be_square(rest) and isqrt(rest) ** 2 == rest:
            return True
        rest += 2 * a + 1
        a += 1
    return False


# One root in a hundred is drawn: the others are no squares by these two moduli (Cohen, "A Course in Computational
# Algebraic Number Theory", algorithm 1.7.3).
_SQUARES_256: Final = frozenset(number * number % 256 for number in range(256))
_ODD: Final = 9 * 5 * 7 * 11 * 13
_SQUARES_ODD: Final = frozenset(number * number % _ODD for number in range(_ODD))


def _may_be_square(number: int) -> bool:
    return number & 255 in _SQUARES_256 and number % _ODD in _SQUARES_ODD


def _is_roca(n: int) -> bool:
    """Whether n is a power of the generator modulo M.

    By its residues modulo each prime first, which nearly every other modulus fails at once; then whether one discrete
    logarithm goes with all of them (Pohlig-Hellman, one prime power of the order after the other).
    """
    modulus, order, residues, powers = _roca_group()
    n %= modulus
    if not all(n % prime in generated for prime, generated in residues):
        return False
    return pow(n, order, modulus) == 1 and all(pow(n, cofactor, modulus) in group for cofactor, group in powers)


@cache
def _roca_group() -> tuple[int, int, list[tuple[int, frozenset[int]]], list[tuple[int, frozenset[int]]]]:
    primes = _primes_below(_LAST_SMALL_PRIME)[:_ROCA_PRIMES]
    modulus = prod(primes)
    residues = [(prime, _powers(_ROCA_GENERATOR, prime)) for prime in primes[1:]]
    order = lcm(*(len(generated) for _, generated in residues))
    cofactors = [order // power for power in _prime_powers(order)]
    return (
        modulus,
        order,
        residues,
        [(each, _powers(pow(_ROCA_GENERATOR, each, modulus), modulus)) for each in cofactors],
    )


def _powers(base: int, modulus: int) -> frozenset[int]:
    found, value = set(), 1
    while value not in found:
        found.add(value)
        value = value * base % modulus
    return frozenset(found)


def _prime_powers(number: int) -> list[int]:
    """The greatest powers of primes that divide a number which has only small factors."""
    found = []
    for prime in _primes_below(_LAST_SMALL_PRIME):
        power = gcd(number, prime ** number.bit_length())
        if power > 1:
            found.append(power)
            number //= power
    return found
