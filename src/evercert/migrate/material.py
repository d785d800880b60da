"""A private key and a chain that belong together, or why they do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.migrate.imported import Remarks
from evercert.migrate.tree import Tree
from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from evercert.pki.keys import KeyType, PrivateKey, load_pem

__all__ = ["Material", "read_material"]


@dataclass(frozen=True, slots=True)
class Material:
    """What is usable of one certificate's files. `chain` is there only together with its `key`."""

    identifiers: tuple[Identifier, ...] = ()
    key: PrivateKey | None = None
    chain: tuple[bytes, ...] = ()

    @property
    def key_type(self) -> KeyType:
        return self.key.type if self.key else KeyType.EC256


def read_material(tree: Tree, about: str, key: Path, chain: list[Path], remarks: Remarks) -> Material:
    """Reads the key and the chain (one file, or leaf and issuers apart) and checks that they are
    a pair. What cannot be used is remarked; the names of a readable certificate are kept anyway,
    so that it can be obtained anew."""
    ders: tuple[bytes, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    with remarks.instead_of_failing(f"{about}: certificate"):
        # lego keeps the issuer in a file of its own also where it stands in the bundle.
        ders = tuple(dict.fromkeys(der for path in chain if tree.has(path) for der in split_pem(tree.pem(path))))
        if not ders:
            raise EvercertError("not-found", "there is no certificate file")
        leaf = read_certificate(ders[0])
        identifiers = leaf.identifiers
        with remarks.instead_of_failing(f"{about}: private key"):
            loaded = load_pem(tree.pem(key))
            if loaded.spki == leaf.spki:
                return Material(identifiers, loaded, ders)
            raise EvercertError("bad-key", "it is not the key of the certificate beside it")
    return Material(identifiers)
