"""An issuer that can sign: its certificate, its key, and what every signature of its needs, worked out once."""

from __future__ import annotations

from hashlib import sha1, sha256

from cryptography import x509

from evercert.base.errors import EvercertError
from evercert.pki.cert import parsed, read_certificate
from evercert.pki.keys import PrivateKey
from evercert.pki.signing import algorithm_of
from evercert.pki.tbs import authority_key_identifier, key_bits, key_identifier

__all__ = ["Signer"]


class Signer:
    """The certificate (DER) of a CA or an OCSP responder and its private key, which may live in a device: only `crypto`
    of it is asked to sign.

    `subject` is its name, `algorithm` the AlgorithmIdentifier of its signatures and `authority` the extension that
    points to it from below, all DER; `name_hash` and `key_hash` are what OCSP calls it by, SHA-1 and SHA-256.
    """

    def __init__(self, certificate: bytes, key: PrivateKey) -> None:
        """Raises `bad-key` unless the key is the certificate's."""
        view = read_certificate(certificate)
        if view.spki != key.spki:
            raise EvercertError("bad-key", "the issuer's certificate is for another key")
        self.certificate = certificate
        self.key = key
        self.is_ca = view.is_ca
        self.not_before, self.not_after = view.not_before, view.not_after
        self.subject = parsed(certificate).subject.public_bytes()
        self.algorithm = algorithm_of(key)
        self.key_identifier = _subject_key_identifier(certificate) or key_identifier(view.spki)
        self.authority = authority_key_identifier(self.key_identifier)
        public = key_bits(view.spki)
        self.name_hash = _hashes(self.subject)
        self.key_hash = _hashes(public)

    def __repr__(self) -> str:
        return f"Signer({read_certificate(self.certificate).subject!r})"


def _hashes(data: bytes) -> dict[str, bytes]:
    """RFC 6960 §4.1.1 names issuers by hashes, RFC 5019 §2.1.1 by SHA-1: nothing rests on them."""
    return {"sha1": sha1(data, usedforsecurity=False).digest(), "sha256": sha256(data).digest()}


def _subject_key_identifier(certificate: bytes) -> bytes:
    try:
        return parsed(certificate).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""
