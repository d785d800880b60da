"""Private keys under a passphrase: for a key that lies apart from the program, such as an offline root's.

What `encrypted_pem` writes, `keys.load_pem` and OpenSSL read.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki import der
from evercert.pki.keys import PrivateKey

__all__ = ["encrypted_pem"]

# The library's own PKCS #8 has 2048 rounds of PBKDF2, which is nothing against a passphrase. These parameters are
# of OWASP's list of equals, with the memory (16 MiB) that OpenSSL still allows when it reads.
_N: Final = 2**14
_R: Final = 8
_P: Final = 5
_KEY: Final = 32

_PBES2: Final = der.oid("1.2.840.113549.1.5.13")
_SCRYPT: Final = der.oid("1.3.6.1.4.1.11591.4.11")
_AES256_CBC: Final = der.oid("2.16.840.1.101.3.4.1.42")


def encrypted_pem(key: PrivateKey, passphrase: Secret) -> Secret:
    """The key as "ENCRYPTED PRIVATE KEY" (RFC 5958 §3, RFC 8018 §6.2, RFC 7914 §7). It takes a fifth of a second.

    Raises `bad-input` for an empty passphrase.
    """
    if not passphrase.reveal():
        raise EvercertError("bad-input", "the passphrase is empty")
    salt, iv = os.urandom(16), os.urandom(16)
    scrypt = Scrypt(salt=salt, length=_KEY, n=_N, r=_R, p=_P)
    padder = PKCS7(128).padder()
    padded = padder.update(key.to_der().reveal()) + padder.finalize()
    encryptor = Cipher(algorithms.AES256(scrypt.derive(passphrase.reveal())), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    return Secret(der.pem("ENCRYPTED PRIVATE KEY", der.sequence(_scheme(salt, iv), der.octets(ciphertext))))


def _scheme(salt: bytes, iv: bytes) -> bytes:
    costs = (der.integer(each) for each in (_N, _R, _P, _KEY))
    derivation = der.sequence(_SCRYPT, der.sequence(der.octets(salt), *costs))
    return der.sequence(_PBES2, der.sequence(derivation, der.sequence(_AES256_CBC, der.octets(iv))))
