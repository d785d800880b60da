"""RSA keys with each known fault, made from a seed, so that every run sees the same ones."""

from __future__ import annotations

from functools import cache
from math import isqrt, prod
from random import Random

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["close_factors", "roca", "roca_look_alike", "rsa_spki", "small_factor", "sound_modulus"]

PRIMES = [number for number in range(2, 5800) if all(number % each for each in range(2, isqrt(number) + 1))]


def rsa_spki(n: int, e: int = 65537) -> bytes:
    return rsa.RSAPublicNumbers(e, n).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def sound_modulus(bits: int = 2048) -> int:
    return _prime(Random(1), bits // 2) * _prime(Random(2), bits // 2)


@cache
def small_factor(factor: int) -> int:
    """2048 bits: *factor* and two large primes."""
    p = _prime(Random(factor), 1000)
    return factor * p * _next_prime((3 << 2046) // (factor * p))


@cache
def close_factors(rounds: int) -> int:
    """A modulus that falls to Fermat's method in the *rounds*-th round, exactly."""
    random = Random(rounds)
    while True:
        p = _prime(random, 1024)
        # It is found at a = (p + q) / 2, and (p + q) / 2 - √n is d² / 8p where d is the distance of the factors.
        distance = isqrt(4 * p * (2 * rounds - 1))
        q = _next_prime(p + distance)
        n = p * q
        if (p + q) // 2 - isqrt(n - 1) == rounds and n.bit_length() == 2048:
            return n


@cache
def roca() -> int:
    """As RSALib made 2048 bits: the primes are k * M + (65537^a mod M), M the product of the first 126 primes."""
    return _roca_prime(Random(3)) * _roca_prime(Random(4))


def roca_look_alike() -> int:
    """Each residue modulo the first 39 primes is a power of 65537, but not of one exponent: no fault of ROCA's."""
    random = Random(5)
    p = _prime(random, 1024)
    while True:
        wanted = {prime: pow(65537, random.randrange(prime - 1), prime) for prime in PRIMES[1:39]}
        modulus = prod(wanted)
        residue = sum(
            want * pow(p, -1, prime) * (modulus // prime) * pow(modulus // prime, -1, prime)
            for prime, want in wanted.items()
        )
        q = residue % modulus + modulus * random.getrandbits(1024 - modulus.bit_length())
        if q % 2 and (p * q).bit_length() == 2048 and all((p * q) % prime for prime in PRIMES):
            return p * q


def _roca_prime(random: Random) -> int:
    m = prod(PRIMES[:126])
    while True:
        k = random.getrandbits(1024 - m.bit_length()) | 1 << (1023 - m.bit_length())
        candidate = k * m + pow(65537, random.getrandbits(254), m)
        if candidate.bit_length() == 1024 and candidate >> 1022 == 3 and _is_prime(candidate):
            return candidate


def _prime(random: Random, bits: int) -> int:
    return _next_prime(random.getrandbits(bits) | 3 << (bits - 2))


def _next_prime(number: int) -> int:
    number |= 1
    while not _is_prime(number):
        number += 2
    return number


def _is_prime(number: int) -> bool:
    return all(number % prime for prime in PRIMES) and all(_passes(number, base) for base in (2, 3, 5, 7))


def _passes(number: int, base: int) -> bool:
    """Miller-Rabin."""
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    value = pow(base, odd >> twos, number)
    return value in {1, number - 1} or any((value := value * value % number) == number - 1 for _ in range(twos - 1))
