"""The issuers in a CA's folder: added, cross-signed, retired. Their certificates come from a root, whose key is needed
here and nowhere else.

    issuers/NAME/chain.pem      the issuer's certificate, and what stands above it but the root
    issuers/NAME/chain-N.pem    another chain above the same key (cross-signed)
    issuers/NAME/key.sealed     its private key, sealed; or key.uri, where it is in a token
    issuers/NAME/retired        there once nothing new comes of it; its certificates' status still does
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.host.files import make_private_dir, read_bounded, remove_durably, write_durably
from evercert.pki.cert import certificate_pem, read_certificate
from evercert.pki.chain import split_pem
from evercert.pki.hierarchy import Intermediate, cross_sign, make_intermediate
from evercert.pki.issuing import new_serial
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey, generate, load_pem
from evercert.pki.seal import Sealer
from evercert.pki.signer import Signer
from evercert.pki.tbs import Subject

__all__ = [
    "BACKDATE",
    "MakeInToken",
    "NewIssuer",
    "add_issuer",
    "cross_sign_issuer",
    "issuer_folder",
    "key_context",
    "retire_issuer",
    "root_signer",
]

# A clock of a client that is a little behind shall not refuse a CA certificate of this minute.
BACKDATE: Final = timedelta(hours=1)
_PEM_MODE: Final = 0o644
_MAX_FILE: Final = 256 * 1024
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")

# A new key of that type in a token, at that URI.
MakeInToken = Callable[[str, KeyType], PrivateKey]


@dataclass(frozen=True, slots=True)
class NewIssuer:
    """*name* is its folder's, *subject* its certificate's; *token* the PKCS #11 URI of a key to be made, or ""."""

    name: str
    subject: Subject
    key_type: KeyType = KeyType.EC256
    life: timedelta = timedelta(days=365 * 5)
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    token: str = ""


def add_issuer(
    folder: Path, new: NewIssuer, root: Signer, sealer: Sealer, make_in_token: MakeInToken, now: datetime, rng: Random
) -> bytes:
    """The new issuer's certificate (DER); afterwards it is in the folder, durably, and the next start signs with it.

    Raises `exists`, and `bad-input` for a name that is no folder's.
    """
    place = issuer_folder(folder, new.name)
    if (place / "chain.pem").exists():
        raise EvercertError("exists", f"there is an issuer {new.name!r} already", hint="give the new one another name")
    key = make_in_token(new.token, new.key_type) if new.token else generate(new.key_type)
    certificate = make_intermediate(
        Intermediate(
            serial=new_serial(rng),
            spki=key.spki,
            subject=new.subject,
            not_before=max(now - BACKDATE, root.not_before),
            not_after=min(now + new.life, root.not_after),
            permitted=new.permitted,
            excluded=new.excluded,
        ),
        root,
    )
    make_private_dir(folder / "issuers")
    make_private_dir(place)
    # The other one is of an attempt that died, and would be taken for this issuer's.
    remove_durably(place / ("key.sealed" if new.token else "key.uri"))
    if new.token:
        write_durably(place / "key.uri", new.token.encode(), 0o600)
    else:
        write_durably(place / "key.sealed", sealer.seal(key.to_der().reveal(), key_context(key.spki)), 0o600)
    # Last: an issuer is there once its chain is.
    _write_chain(place / "chain.pem", (certificate,))
    return certificate


def cross_sign_issuer(folder: Path, name: str, other_root: Signer, now: datetime, rng: Random) -> bytes:
    """Another certificate (DER) of the issuer's key, by another root; afterwards its certificates are offered with that
    chain as well (RFC 8555 §7.4.2, `Link: rel="alternate"`), for clients that trust the other root alone."""
    place = issuer_folder(folder, name)
    own = split_pem(read_bounded(place / "chain.pem", _MAX_FILE))[0]
    certificate = cross_sign(
        own,
        other_root,
        serial=new_serial(rng),
        not_before=max(now - BACKDATE, other_root.not_before),
        not_after=min(read_certificate(own).not_after, other_root.not_after),
    )
    number = 1 + len(list(place.glob("chain-*.pem")))
    _write_chain(place / f"chain-{number}.pem", (certificate,))
    return certificate


def retire_issuer(folder: Path, name: str) -> None:
    """Afterwards (from the next start on) nothing new is signed with it; its CRLs and OCSP answers still are."""
    place = issuer_folder(folder, name)
    if not (place / "chain.pem").exists():
        raise EvercertError("not-found", f"there is no issuer {name!r}", hint="evercert ca issuer list")
    write_durably(place / "retired", b"", _PEM_MODE)


def root_signer(certificate: bytes, key_file: Path, passphrase: Secret) -> Signer:
    """The root, with its key from where it is kept apart. Raises `bad-key`, `not-found`."""
    try:
        key = read_bounded(key_file, _MAX_FILE)
    except OSError as error:
        words = f"{key_file} cannot be read: {(error.strerror or 'unreadable').lower()}"
        raise EvercertError("not-found", words, hint="bring the root's key for this, and take it away again") from error
    return Signer(certificate, load_pem(key, passphrase))


def issuer_folder(folder: Path, name: str) -> Path:
    """Raises `bad-input` for what is no name."""
    if not _NAME.fullmatch(name):
        raise EvercertError("bad-input", "an issuer's name has lower-case letters, digits, dots and hyphens")
    return folder / "issuers" / name


def key_context(spki: bytes) -> str:
    """What a sealed issuer's key is bound to: another key's blob in its place does not open."""
    return f"issuer key {sha256(spki).hexdigest()}"


def _write_chain(file: Path, chain: tuple[bytes, ...]) -> None:
    write_durably(file, "".join(map(certificate_pem, chain)).encode(), _PEM_MODE)
