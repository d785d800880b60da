"""certbot's configuration folder (usually /etc/letsencrypt), as certbot 1 to 5 lay it out.

renewal/<name>.conf                         how to renew it
live/<name>/{privkey,fullchain}.pem         links into archive/<name>/
accounts/<host>/<path>/<id>/{private_key,regr}.json
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifiers
from evercert.migrate.imported import Imported, ImportedAccount, ImportedCertificate, Remarks
from evercert.migrate.ini import Section, read_ini
from evercert.migrate.material import Material, read_material
from evercert.migrate.providers import PROVIDERS, dns_rule
from evercert.migrate.tree import Tree
from evercert.model.intent import ChallengeRule
from evercert.pki.keys import KeyType, key_from_jwk

__all__ = ["read_certbot"]

# Let's Encrypt's first API ended in 2021; certbot keeps its accounts for ever.
_RETIRED_HOSTS = ("acme-v01.api.letsencrypt.org", "acme-staging.api.letsencrypt.org")
_ARCHIVED_KEY = re.compile(r"privkey(\d{1,9})\.pem")
_KEY_TYPES = {
    "secp256r1": KeyType.EC256,
    "secp384r1": KeyType.EC384,
    "secp521r1": KeyType.EC521,
    "2048": KeyType.RSA2048,
    "3072": KeyType.RSA3072,
    "4096": KeyType.RSA4096,
}
# Directory URL and certbot's own id of an account, to the account's URL at the CA.
_AccountUrls = dict[tuple[str, str], str]
_HOOKS = ("pre_hook", "post_hook", "renew_hook", "deploy_hook", "manual_auth_hook")


def read_certbot(root: Path) -> Imported:
    """Reads certbot's folder and changes nothing in it; raises `not-found` only where there is no folder."""
    tree, remarks = Tree(root), Remarks()
    accounts = dict(_accounts(tree, remarks))
    urls = {key: account.url for key, account in accounts.items()}
    certificates = tuple(_certificates(tree, urls, remarks))
    return Imported("certbot", certificates, tuple(accounts.values()), tuple(remarks.lines))


def _certificates(tree: Tree, accounts: _AccountUrls, remarks: Remarks) -> Iterator[ImportedCertificate]:
    for path in tree.files(tree.root / "renewal", ".conf"):
        with remarks.instead_of_failing(path.stem):
            certificate = _certificate(tree, path.stem, accounts, remarks)
            if not certificate.identifiers:
                raise EvercertError("bad-certificate", "its names are nowhere to be read, so it is left out")
            yield certificate


def _certificate(tree: Tree, name: str, accounts: _AccountUrls, remarks: Remarks) -> ImportedCertificate:
    params = read_ini(tree.text(tree.root / "renewal" / f"{name}.conf")).section("renewalparams")
    material = _material(tree, name, remarks)
    return ImportedCertificate(
        name=name,
        identifiers=material.identifiers or _names_of_webroots(params),
        key=material.key,
        chain=material.chain,
        ca=params.text("server"),
        account_url=accounts.get((params.text("server"), params.text("account")), ""),
        key_type=material.key.type if material.key else _key_type(params),
        challenges=_challenges(params),
        reuse_key=params.flag("reuse_key"),
        must_staple=params.flag("must_staple"),
        profile=params.text("required_profile") or params.text("preferred_profile"),
        profile_required=bool(params.text("required_profile")),
        preferred_chain=params.text("preferred_chain"),
        notes=tuple(_notes(name, params)),
    )


def _material(tree: Tree, name: str, remarks: Remarks) -> Material:
    """From live/, or from the newest generation in archive/ where a copy has lost the links.

    The absolute paths in the .conf are not used: they are wrong in a copied folder, and whoever
    wrote them could make us read any file of this machine.
    """
    live, archive = tree.root / "live" / name, tree.root / "archive" / name
    if tree.has(live / "fullchain.pem"):
        return read_material(tree, name, live / "privkey.pem", [live / "fullchain.pem"], remarks)
    keys = (_ARCHIVED_KEY.fullmatch(path.name) for path in tree.files(archive, ".pem"))
    newest = max((int(key[1]) for key in keys if key), default=0)
    chain = [archive / f"fullchain{newest}.pem"]
    return read_material(tree, name, archive / f"privkey{newest}.pem", chain, remarks)


def _names_of_webroots(params: Section) -> tuple[Identifier, ...]:
    """The only place beside the certificate where certbot keeps names; none of other authenticators."""
    return parse_identifiers(tuple(params.section("webroot_map").values))


def _key_type(params: Section) -> KeyType:
    wanted = params.text("elliptic_curve") if params.text("key_type", "rsa") == "ecdsa" else params.text("rsa_key_size")
    return _KEY_TYPES.get(wanted, KeyType.EC256)


def _challenges(params: Section) -> tuple[ChallengeRule, ...]:
    # Plugins that were installed apart wrote their package in front: certbot-dns-x:dns-x.
    authenticator = params.text("authenticator").rpartition(":")[2]
    if authenticator == "webroot":
        return _webroots(params)
    if authenticator in {"nginx", "apache"}:
        return (ChallengeRule("http-01", "auto"),)
    if authenticator == "standalone":
        port = params.text("http01_port", "80")
        return (ChallengeRule("http-01", "standalone", {} if port == "80" else {"port": port}),)
    provider = authenticator.removeprefix("dns-")
    return tuple(dns_rule(known) for known in PROVIDERS if known.certbot == provider and provider != authenticator)


def _webroots(params: Section) -> tuple[ChallengeRule, ...]:
    """One rule where every name has the same folder, or one for each name."""
    roots = {name: path[0] for name, path in params.section("webroot_map").values.items() if path}
    if len(set(roots.values())) > 1:
        return tuple(ChallengeRule("http-01", "webroot", {"root": root}, name) for name, root in roots.items())
    root = next(iter(roots.values()), params.text("webroot_path"))
    return (ChallengeRule("http-01", "webroot", {"root": root}),) if root else ()


def _notes(name: str, params: Section) -> Iterator[str]:
    """What certbot did that nothing takes over by itself. Hooks are named, never shown: some hold tokens."""
    authenticator = params.text("authenticator")
    if not _challenges(params):
        yield f"names were proved by {authenticator or 'an unknown authenticator'}; say how with --http-01 or --dns"
    elif "dns-" in authenticator:
        yield f"the credentials of {authenticator} are not taken over; give them to the DNS provider by reference"
    if installer := params.text("installer"):
        yield f"{installer} was configured by certbot; install with --deploy {installer}"
    for hook in _HOOKS:
        if params.text(hook):
            yield f"a command ran as {hook} (see renewal/{name}.conf); use --deploy exec for what must happen after"
    if params.flag("allow_subset_of_names"):
        yield "certbot was allowed to drop names that fail; Evercert never does"
    if params.text("autorenew").lower() == "false":
        yield "certbot was told not to renew it"


def _accounts(tree: Tree, remarks: Remarks) -> Iterator[tuple[tuple[str, str], ImportedAccount]]:
    """Each account with its directory URL and certbot's id of it."""
    for folder in tree.folders_with(tree.root / "accounts", "private_key.json"):
        server = folder.parent.relative_to(tree.root / "accounts").as_posix()
        with remarks.instead_of_failing(f"account {folder.name} at {server}"):
            if server.startswith(_RETIRED_HOSTS):
                raise EvercertError("not-found", "that API of Let's Encrypt has ended, so the account is left out")
            yield (f"https://{server}", folder.name), _account(tree, folder, f"https://{server}")


class _Contacts(msgspec.Struct, frozen=True):
    contact: tuple[str, ...] = ()


class _Registration(msgspec.Struct, frozen=True):
    """regr.json; since version 3 certbot leaves the body empty."""

    uri: str
    body: _Contacts = _Contacts()


def _account(tree: Tree, folder: Path, ca: str) -> ImportedAccount:
    key = key_from_jwk(tree.json(folder / "private_key.json", dict[str, Any]))
    if not tree.has(folder / "regr.json"):
        return ImportedAccount(ca, "", key)
    registration = tree.json(folder / "regr.json", _Registration)
    return ImportedAccount(ca, registration.uri, key, registration.body.contact)
