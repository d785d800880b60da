"""acme.sh's folder (usually ~/.acme.sh), as version 3 lays it out.

account.conf                                        default CA; DNS secrets as SAVED_*
ca/<host>/<path>/{account.key,ca.conf}              the CA's port is not in the path
<domain>[_ecc]/<domain>.{conf,key,cer}, ca.cer, fullchain.cer
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from evercert.base.names import parse_identifiers
from evercert.migrate.assignments import read_assignments
from evercert.migrate.imported import Imported, ImportedAccount, ImportedCertificate, Remarks
from evercert.migrate.material import read_material
from evercert.migrate.providers import PROVIDERS, dns_rule
from evercert.migrate.tree import Tree
from evercert.migrate.urls import parts_of
from evercert.model.intent import ChallengeRule
from evercert.pki.keys import KeyType, load_pem

__all__ = ["read_acme_sh"]

_ECC = "_ecc"
# acme.sh's word for "none"; as a webroot it means its own little server.
_NO = "no"
_KEY_TYPES = {
    "ec-256": KeyType.EC256,
    "ec-384": KeyType.EC384,
    "ec-521": KeyType.EC521,
    "3072": KeyType.RSA3072,
    "4096": KeyType.RSA4096,
}
_COMMANDS = {
    "Le_PreHook": "pre-hook",
    "Le_PostHook": "post-hook",
    "Le_RenewHook": "renew-hook",
    "Le_ReloadCmd": "reloadcmd",
    "Le_DeployHook": "deploy-hook",
}

_Conf = Mapping[str, str]


def read_acme_sh(root: Path) -> Imported:
    """Reads acme.sh's folder, runs and changes nothing in it; raises `not-found` only where there is no folder."""
    tree, remarks = Tree(root), Remarks()
    settings = _settings(tree, remarks)
    confs = dict(_domain_confs(tree, remarks))
    directories = [conf.get("Le_API", "") for conf in confs.values()] + [settings.get("DEFAULT_ACME_SERVER", "")]
    accounts = dict(_accounts(tree, {_ca_folder(url): url for url in directories}, remarks))
    urls = {folder: account.url for folder, account in accounts.items()}
    certificates = tuple(_certificates(tree, confs, urls, remarks))
    return Imported("acme.sh", certificates, tuple(accounts.values()), tuple(remarks.lines))


def _settings(tree: Tree, remarks: Remarks) -> _Conf:
    with remarks.instead_of_failing("account.conf"):
        settings = read_assignments(tree.text(tree.root / "account.conf"))
        if Path(settings.get("CERT_HOME", tree.root)).resolve() != tree.root:
            remarks.add("account.conf", "CERT_HOME is another folder; import that folder too")
        return settings
    return {}


def _domain_confs(tree: Tree, remarks: Remarks) -> Iterator[tuple[Path, _Conf]]:
    for folder in tree.folders(tree.root):
        path = folder / f"{_domain(folder)}.conf"
        if tree.has(path):
            with remarks.instead_of_failing(folder.name):
                yield folder, read_assignments(tree.text(path))


def _domain(folder: Path) -> str:
    return folder.name.removesuffix(_ECC)


def _certificates(
    tree: Tree, confs: Mapping[Path, _Conf], account_urls: Mapping[str, str], remarks: Remarks
) -> Iterator[ImportedCertificate]:
    for folder, conf in confs.items():
        with remarks.instead_of_failing(folder.name):
            yield _certificate(tree, folder, conf, account_urls, remarks)


def _certificate(
    tree: Tree, folder: Path, conf: _Conf, account_urls: Mapping[str, str], remarks: Remarks
) -> ImportedCertificate:
    domain = _domain(folder)
    full, leaf, issuers = folder / "fullchain.cer", folder / f"{domain}.cer", folder / "ca.cer"
    chain = [full] if tree.has(full) else [leaf, issuers]
    material = read_material(tree, folder.name, folder / f"{domain}.key", chain, remarks)
    return ImportedCertificate(
        # One domain may have an RSA and an elliptic certificate side by side.
        name=folder.name if folder.with_name(domain).is_dir() else domain,
        identifiers=material.identifiers or parse_identifiers(_domains(conf)),
        key=material.key,
        chain=material.chain,
        ca=conf.get("Le_API", ""),
        account_url=account_urls.get(_ca_folder(conf.get("Le_API", "")), ""),
        key_type=material.key.type if material.key else _KEY_TYPES.get(conf.get("Le_Keylength", ""), KeyType.RSA2048),
        challenges=_challenges(conf),
        must_staple=bool(conf.get("Le_OCSP_Staple")),
        profile=conf.get("Le_Certificate_Profile", ""),
        preferred_chain=conf.get("Le_Preferred_Chain", ""),
        notes=tuple(_notes(folder, conf)),
    )


def _domains(conf: _Conf) -> tuple[str, ...]:
    others = conf.get("Le_Alt", _NO)
    return (conf.get("Le_Domain", ""), *(others.split(",") if others not in {"", _NO} else ()))


def _modes(conf: _Conf) -> tuple[str, ...]:
    """How each domain was proved, in their order; the last mode goes for all that follow."""
    modes = [mode for mode in conf.get("Le_Webroot", "").split(",") if mode] or [""]
    return tuple(mode for _, mode in zip_longest(_domains(conf), modes, fillvalue=modes[-1]))[: len(_domains(conf))]


def _challenges(conf: _Conf) -> tuple[ChallengeRule, ...]:
    modes = _modes(conf)
    if len(set(modes)) == 1:
        rules = [_rule(modes[0], "*", conf)]
    else:
        # A pattern `*.x` matches more than itself, so exact names stand before it.
        pairs = sorted(zip(_domains(conf), modes, strict=True), key=lambda pair: pair[0].startswith("*"))
        rules = [_rule(mode, domain, conf) for domain, mode in pairs]
    return tuple(rule for rule in rules if rule)


def _rule(mode: str, match: str, conf: _Conf) -> ChallengeRule | None:
    if mode == _NO:
        return ChallengeRule("http-01", "standalone", _port(conf.get("Le_HTTPPort"), "80"), match)
    if mode == "alpn":
        return ChallengeRule("tls-alpn-01", "standalone", _port(conf.get("Le_TLSPort"), "443"), match)
    if mode.startswith(("apache", "nginx")):
        return ChallengeRule("http-01", "auto", {}, match)
    if mode.startswith("/"):
        return ChallengeRule("http-01", "webroot", {"root": mode}, match)
    known = next((known for known in PROVIDERS if known.acme_sh and f"dns_{known.acme_sh}" == mode), None)
    return dns_rule(known, match) if known else None


def _port(port: str | None, default: str) -> dict[str, str]:
    return {"port": port} if port and port != default else {}


def _notes(folder: Path, conf: _Conf) -> Iterator[str]:
    """What acme.sh did that nothing takes over by itself. Commands are named, never shown: some hold tokens."""
    for mode in dict.fromkeys(_modes(conf)):
        if _rule(mode, "*", conf) is None:
            yield f"names were proved by {mode[:40] or 'nothing that is written down'}; say how with --http-01 or --dns"
        elif mode.startswith("dns_"):
            yield f"the secrets of {mode} stay in account.conf; give them to the DNS provider by reference"
    if conf.get("Le_ChallengeAlias", _NO) not in {"", _NO}:
        yield "a challenge alias was set; Evercert follows the CNAME of _acme-challenge by itself"
    if conf.get("Le_RealKeyPath") or conf.get("Le_RealFullChainPath"):
        yield "files were installed elsewhere; use --deploy files with that folder"
    for name, word in _COMMANDS.items():
        if conf.get(name):
            yield f"a command ran as {word} (see {folder.name}/{_domain(folder)}.conf); use --deploy exec instead"
    if conf.get("Le_ForceNewDomainKey") != "1":
        yield "the private key was kept over renewals; add --reuse-key if a pin or TLSA record needs that"


def _ca_folder(url: str) -> str:
    """Where acme.sh keeps the accounts of a CA below ca/: host and path, the port left out."""
    parts = parts_of(url)
    return f"{parts.hostname or ''}{parts.path.rstrip('/')}"


def _accounts(tree: Tree, directories: Mapping[str, str], remarks: Remarks) -> Iterator[tuple[str, ImportedAccount]]:
    root = tree.root / "ca"
    for folder in tree.folders_with(root, "account.key"):
        place = folder.relative_to(root).as_posix()
        with remarks.instead_of_failing(f"account at {place}"):
            yield place, _account(tree, folder, directories.get(place) or f"https://{place}")


def _account(tree: Tree, folder: Path, ca: str) -> ImportedAccount:
    conf = read_assignments(tree.text(folder / "ca.conf")) if tree.has(folder / "ca.conf") else {}
    email = conf.get("CA_EMAIL") or conf.get("ACCOUNT_EMAIL", "")
    contacts = (f"mailto:{email}",) if "@" in email else ()
    return ImportedAccount(ca, conf.get("ACCOUNT_URL", ""), load_pem(tree.pem(folder / "account.key")), contacts)
