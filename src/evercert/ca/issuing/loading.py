"""Issuers as they lie in the CA's folder: see `hierarchy` for the layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from evercert.base.errors import EvercertError
from evercert.ca.issuing.issuers import Issuer, Issuers
from evercert.ca.setup.hierarchy import key_context
from evercert.host.files import read_bounded
from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey, load_der
from evercert.pki.seal import Sealer
from evercert.pki.signer import Signer

__all__ = ["OpenToken", "load_issuers", "load_root"]

_MAX_FILE: Final = 256 * 1024
_QUICK: Final = frozenset({KeyType.EC256, KeyType.ED25519})

# The key at a PKCS #11 URI.
OpenToken = Callable[[str], PrivateKey]


def load_issuers(folder: Path, active: Sequence[str], sealer: Sealer, open_token: OpenToken) -> Issuers:
    """Every issuer in the folder. Those of *active* sign, in that order of preference; where none is named all that are
    not retired do, the newest first. The others are there for the status of what they have signed.

    Raises `bad-certificate`, `sealed` or `not-found`."""
    places = {place.parent.name: place.parent for place in (folder / "issuers").glob("*/chain.pem")}
    if missing := [name for name in active if name not in places]:
        raise EvercertError("not-found", f"there is no issuer {missing[0]!r} in {folder / 'issuers'}")
    loaded = {name: _issuer(place, sealer, open_token) for name, place in places.items()}
    newest = sorted(loaded, key=lambda name: (loaded[name].signer.not_before, name), reverse=True)
    names = [*active, *(name for name in newest if name not in active)]
    return Issuers([replace(loaded[name], active=_is_active(places[name], name, active)) for name in names])


def load_root(folder: Path) -> bytes:
    """The root's certificate (DER)."""
    return _certificates(folder / "root.pem")[0]


def _is_active(place: Path, name: str, active: Sequence[str]) -> bool:
    return name in active if active else not (place / "retired").exists()


def _issuer(place: Path, sealer: Sealer, open_token: OpenToken) -> Issuer:
    default = _certificates(place / "chain.pem")
    others = [_certificates(file) for file in sorted(place.glob("chain-*.pem"))]
    key = _key(place, default[0], sealer, open_token)
    in_token = (place / "key.uri").exists()
    return Issuer(
        name=place.name,
        signer=Signer(default[0], key),
        chains=(default, *others),
        wants_thread=in_token or key.type not in _QUICK,
    )


def _key(place: Path, certificate: bytes, sealer: Sealer, open_token: OpenToken) -> PrivateKey:
    if (place / "key.uri").exists():
        return open_token(_read(place / "key.uri").decode("utf-8", "replace").strip())
    sealed = _read(place / "key.sealed")
    return load_der(sealer.open(sealed, key_context(read_certificate(certificate).spki)).reveal(), trusted=True)


def _certificates(file: Path) -> tuple[bytes, ...]:
    return split_pem(_read(file))


def _read(file: Path) -> bytes:
    try:
        return read_bounded(file, _MAX_FILE)
    except OSError as error:
        words = f"{file} cannot be read: {(error.strerror or 'unreadable').lower()}"
        raise EvercertError("not-found", words, hint="is this the folder that `evercert ca init` made?") from error
