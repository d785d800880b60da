"""The first minute of a CA: its root and first issuer, each where it belongs.

    FOLDER/ca.toml                     what the operator decides (commented)
    FOLDER/master.key                  opens every sealed key and secret (0600)
    FOLDER/root.pem                    the root's certificate, for whoever shall trust it
    FOLDER/issuers/NAME/               an issuer (see `hierarchy`)
    FOLDER/offline/                    the root's key and its passphrase: to be taken away; no server needs it

Trust: whoever has the folder `offline` is the CA; whoever has master.key and issuers/ is so until the issuers expire.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.setup.hierarchy import BACKDATE, MakeInToken, NewIssuer, add_issuer, issuer_folder
from evercert.host.files import make_private_dir, remove_durably, write_durably
from evercert.pki.cert import certificate_pem
from evercert.pki.hierarchy import make_root
from evercert.pki.issuing import new_serial
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey, generate
from evercert.pki.passphrase import encrypted_pem
from evercert.pki.seal import Sealer, new_master_key
from evercert.pki.signer import Signer
from evercert.pki.tbs import Subject

__all__ = ["Founded", "Founding", "found"]

_PEM_MODE: Final = 0o644
_FIRST: Final = "issuing-1"


@dataclass(frozen=True, slots=True)
class Founding:
    """What is to be made. *name* stands in the subjects: `NAME Root`, `NAME Issuing 1`. *issuer_token* is the PKCS #11
    URI of the issuer's key, where that is to be made in a token."""

    name: str
    root_key: KeyType = KeyType.EC384
    issuer_key: KeyType = KeyType.EC256
    root_life: timedelta = timedelta(days=365 * 20)
    issuer_life: timedelta = timedelta(days=365 * 5)
    issuer_token: str = ""
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    root_passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Founded:
    """What is there now. `issuer` is the first issuer's name."""

    root: bytes
    issuer: str
    offline: Path


def found(folder: Path, founding: Founding, make_in_token: MakeInToken, now: datetime, rng: Random) -> Founded:
    """Afterwards the CA's files are in *folder*, durably; a CA that is there already is never touched (`exists`), and
    an attempt that died on its way is begun anew."""
    for sign in ("root.pem", "ca.db"):
        if (folder / sign).exists():
            hint = "serve it, or name another folder with --dir"
            raise EvercertError("exists", f"{folder} holds a CA already: {sign}", hint=hint)
    make_private_dir(folder)
    sealer = Sealer(_master_key(folder))
    root_key = generate(founding.root_key)
    root = make_root(
        root_key,
        _subject(founding, "Root"),
        serial=new_serial(rng),
        not_before=now - BACKDATE,
        not_after=now + founding.root_life,
    )
    issuer = NewIssuer(
        _FIRST,
        _subject(founding, "Issuing 1"),
        founding.issuer_key,
        founding.issuer_life,
        founding.permitted,
        founding.excluded,
        founding.issuer_token,
    )
    # An issuer whose root's key is nowhere would be of no use, so that comes first.
    offline = _put_apart(folder, root_key, founding.root_passphrase)
    remove_durably(issuer_folder(folder, _FIRST) / "chain.pem")  # of an attempt that died, and of another root
    add_issuer(folder, issuer, Signer(root, root_key), sealer, make_in_token, now, rng)
    # Last, because its being there is what says that the rest is.
    write_durably(folder / "root.pem", certificate_pem(root).encode(), _PEM_MODE)
    return Founded(root, _FIRST, offline)


def _master_key(folder: Path) -> Secret:
    """That of an attempt that died on its way, or a new one, durable."""
    file = folder / "master.key"
    if not file.exists():
        write_durably(file, new_master_key().reveal() + b"\n", 0o600)
    return Secret(file.read_bytes())


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
