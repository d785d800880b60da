"""The first minute of a CA: its root and first issuer, each where it belongs.

    FOLDER/ca.toml                     what the operator decides (commented)
    FOLDER/master.key                  opens every sealed key and secret (0600)
    FOLDER/root.pem                    the root's certificate, for whoever shall trust it
    FOLDER/issuers/NAME/chain.pem      an issuer's certificate, and what stands above it but the root
    FOLDER/issuers/NAME/key.sealed     its private key, sealed; or key.uri, where it is in a token
    FOLDER/offline/                    the root's key and its passphrase: to be taken away; no server needs it

Trust: whoever has the folder `offline` is the CA; whoever has master.key and issuers/ is so until the issuers expire.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.host.files import make_private_dir, write_durably
from evercert.pki.cert import certificate_pem
from evercert.pki.hierarchy import Intermediate, make_intermediate, make_root
from evercert.pki.issuing import new_serial
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey, generate
from evercert.pki.passphrase import encrypted_pem
from evercert.pki.seal import Sealer, new_master_key
from evercert.pki.signer import Signer
from evercert.pki.tbs import Subject

__all__ = ["Founded", "Founding", "found", "issuer_folder", "key_context", "write_issuer"]

_PEM_MODE = 0o644
# A clock of a client that is a little behind shall not refuse a root of this minute.
_BACKDATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Founding:
    """What is to be made. *name* stands in the subjects: `NAME Root`, `NAME Issuing 1`."""

    name: str
    root_key: KeyType = KeyType.EC384
    issuer_key: KeyType = KeyType.EC256
    root_life: timedelta = timedelta(days=365 * 20)
    issuer_life: timedelta = timedelta(days=365 * 5)
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    root_passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Founded:
    """What is there now. `issuer` is the first issuer's name."""

    root: bytes
    issuer: str
    offline: Path


def found(folder: Path, founding: Founding, now: datetime, rng: Random) -> Founded:
    """Afterwards the CA's files are in *folder*, durably; what is there already is never overwritten.

    Raises `exists` where the folder has a CA.
    """
    if (folder / "root.pem").exists() or (folder / "master.key").exists():
        raise EvercertError(
            "exists", f"{folder} holds a CA already", hint="serve it, or name another folder with --dir"
        )
    make_private_dir(folder)
    master = new_master_key()
    write_durably(folder / "master.key", master.reveal() + b"\n", 0o600)
    root_key, issuer_key = generate(founding.root_key), generate(founding.issuer_key)
    begin = now - _BACKDATE
    root = make_root(
        root_key,
        _subject(founding, "Root"),
        serial=new_serial(rng),
        not_before=begin,
        not_after=now + founding.root_life,
    )
    intermediate = make_intermediate(
        Intermediate(
            serial=new_serial(rng),
            spki=issuer_key.spki,
            subject=_subject(founding, "Issuing 1"),
            not_before=begin,
            not_after=now + min(founding.issuer_life, founding.root_life),
            permitted=founding.permitted,
            excluded=founding.excluded,
        ),
        Signer(root, root_key),
    )
    write_issuer(folder, "issuing-1", (intermediate,), issuer_key, Sealer(master))
    offline = _put_apart(folder, root_key, founding.root_passphrase)
    # Last, because its being there is what says that the rest is.
    write_durably(folder / "root.pem", certificate_pem(root).encode(), _PEM_MODE)
    return Founded(root, "issuing-1", offline)


def write_issuer(folder: Path, name: str, chain: tuple[bytes, ...], key: PrivateKey, sealer: Sealer) -> None:
    """Afterwards the issuer is there, its key sealed."""
    place = issuer_folder(folder, name)
    make_private_dir(place)
    write_durably(place / "key.sealed", sealer.seal(key.to_der().reveal(), key_context(key.spki)), 0o600)
    write_durably(place / "chain.pem", "".join(map(certificate_pem, chain)).encode(), _PEM_MODE)


def issuer_folder(folder: Path, name: str) -> Path:
    return folder / "issuers" / name


def key_context(spki: bytes) -> str:
    """What a sealed issuer's key is bound to: another key's blob in its place does not open."""
    return f"issuer key {sha256(spki).hexdigest()}"


def _put_apart(folder: Path, root_key: PrivateKey, given: Secret | None) -> Path:
    """Where the root's key lies until somebody takes it away. A passphrase that was made here lies beside it."""
    offline = folder / "offline"
    make_private_dir(offline)
    passphrase = given or Secret(secrets.token_urlsafe(32))
    write_durably(offline / "root.key.pem", encrypted_pem(root_key, passphrase).reveal(), 0o600)
    if given is None:
        write_durably(offline / "root.passphrase", passphrase.reveal() + b"\n", 0o600)
    return offline


def _subject(founding: Founding, role: str) -> Subject:
    return (("O", founding.name), ("CN", f"{founding.name} {role}"))
