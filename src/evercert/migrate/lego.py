"""lego's folder (usually .lego), as versions 4 and 5 lay it out.

    certificates/<name>.{crt,issuer.crt,key,json}       `*` in a name is written `_`, `:` is `-`
    accounts/<host>_<port>/<email>/account.json         the key in keys/<email>.key (4)
    accounts/<host>_<port>/<id>/account.json            the key in <id>.key (5)
    accounts/<host>_<port>/<email>/<key type>/...       as migrated by early versions 5

lego does not write down how names were proved, nor (before 5) a CA's directory URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from evercert.acme.cas import KNOWN_CAS
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.migrate.imported import Imported, ImportedAccount, ImportedCertificate, Remarks
from evercert.migrate.material import read_material
from evercert.migrate.tree import Tree
from evercert.migrate.urls import parts_of
from evercert.pki.keys import load_pem

__all__ = ["read_lego"]

_NOT_RECORDED = "lego does not record how names were proved; say how with --http-01 or --dns"


class _Resource(msgspec.Struct, frozen=True):
    """certificates/<name>.json: `domain` in version 4, `id` and `domains` in version 5."""

    domain: str = ""
    domains: tuple[str, ...] = ()
    certificate_url: str = msgspec.field(default="", name="certUrl")


class _Body(msgspec.Struct, frozen=True):
    contact: tuple[str, ...] = ()


class _Registration(msgspec.Struct, frozen=True):
    """Nested with a `uri` in version 4, flat with an `accountURL` in version 5."""

    uri: str = ""
    account_url: str = msgspec.field(default="", name="accountURL")
    body: _Body = _Body()
    contact: tuple[str, ...] = ()


class _Account(msgspec.Struct, frozen=True):
    email: str = ""
    server: str = ""
    registration: _Registration | None = None


def read_lego(root: Path) -> Imported:
    """Reads lego's folder and changes nothing in it; raises `not-found` only where there is no folder."""
    tree, remarks = Tree(root), Remarks()
    accounts = tuple(_accounts(tree, remarks))
    certificates = tuple(_certificates(tree, accounts, remarks))
    return Imported("lego", certificates, accounts, tuple(remarks.lines))


def _certificates(tree: Tree, accounts: tuple[ImportedAccount, ...], remarks: Remarks) -> Iterator[ImportedCertificate]:
    for path in tree.files(tree.root / "certificates", ".crt"):
        if path.name.endswith(".issuer.crt"):
            continue
        with remarks.instead_of_failing(path.stem):
            yield _certificate(tree, path, accounts, remarks)


def _certificate(
    tree: Tree, path: Path, accounts: tuple[ImportedAccount, ...], remarks: Remarks
) -> ImportedCertificate:
    # Of a wildcard's file the star is replaced.
    name = f"*.{path.stem[2:]}" if path.stem.startswith("_.") else path.stem
    resource = _resource(tree, path.with_suffix(".json"), remarks)
    material = read_material(tree, name, path.with_suffix(".key"), [path, path.with_suffix(".issuer.crt")], remarks)
    identifiers = material.identifiers or parse_identifiers(resource.domains or (resource.domain,))
    account = _account_of(resource, accounts)
    return ImportedCertificate(
        name=name,
        identifiers=identifiers,
        key=material.key,
        chain=material.chain,
        ca=account.ca if account else "",
        account_url=account.url if account else "",
        key_type=material.key_type,
        notes=(_NOT_RECORDED,),
    )


def _resource(tree: Tree, path: Path, remarks: Remarks) -> _Resource:
    with remarks.instead_of_failing(path.name):
        return tree.json(path, _Resource)
    return _Resource()


def _account_of(resource: _Resource, accounts: tuple[ImportedAccount, ...]) -> ImportedAccount | None:
    """The only account at the CA that the certificate was fetched from; none if that is not clear."""
    host = parts_of(resource.certificate_url).netloc
    there = [account for account in accounts if host and host in _hosts(account)]
    candidates = there or accounts
    return candidates[0] if len({account.ca for account in candidates}) == 1 else None


def _hosts(account: ImportedAccount) -> set[str]:
    return {parts_of(account.url).netloc, parts_of(account.ca).netloc}


def _accounts(tree: Tree, remarks: Remarks) -> Iterator[ImportedAccount]:
    for server in tree.folders(tree.root / "accounts"):
        for user in tree.folders(server):
            for folder in (user, *tree.folders(user)):
                if not tree.has(folder / "account.json"):
                    continue
                with remarks.instead_of_failing(f"account {user.name} at {server.name}"):
                    yield _account(tree, server.name, user.name, folder)


def _account(tree: Tree, server: str, user: str, folder: Path) -> ImportedAccount:
    account = tree.json(folder / "account.json", _Account)
    places = (folder / "keys" / f"{user}.key", folder / f"{user}.key")
    path = next((place for place in places if tree.has(place)), None)
    if path is None:
        raise EvercertError("not-found", "its private key is not there")
    registration = account.registration or _Registration()
    contacts = registration.body.contact or registration.contact
    return ImportedAccount(
        ca=account.server or _directory(server),
        url=registration.uri or registration.account_url,
        key=load_pem(tree.pem(path)),
        contacts=contacts or ((f"mailto:{account.email}",) if "@" in account.email else ()),
    )


def _directory(server: str) -> str:
    """The directory URL of a known CA at that host; elsewhere only the user knows it."""
    return next((ca.directory for ca in KNOWN_CAS if urlsplit(ca.directory).netloc.replace(":", "_") == server), "")
