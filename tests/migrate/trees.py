"""Folders as certbot 5.8, lego 4.9 / 5 and acme.sh 3.1 leave them behind.

The layout and the texts were taken from real runs of certbot and lego against Pebble; acme.sh's
from its source.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

__all__ = [
    "DIRECTORY", "Pair", "acme_sh_certificate", "acme_sh_home", "certbot_account", "certbot_lineage", "lego_account",
    "lego_certificate", "pair",
]  # fmt: skip

DIRECTORY = "https://127.0.0.1:14000/dir"
_START = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, in the forms that clients write."""

    key: bytes
    key_sec1: bytes
    leaf: bytes
    issuer: bytes

    @property
    def fullchain(self) -> bytes:
        return self.leaf + self.issuer


@cache
def pair(*names: str, serial: int = 1) -> Pair:
    issuer_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    issuer = _builder("test issuer", serial + 1000, issuer_key.public_key())
    issuer = issuer.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    leaf = _builder("", serial, key.public_key()).add_extension(san, critical=True)
    pem, plain = Encoding.PEM, NoEncryption()
    return Pair(
        key.private_bytes(pem, PrivateFormat.PKCS8, plain),
        key.private_bytes(pem, PrivateFormat.TraditionalOpenSSL, plain),
        leaf.sign(issuer_key, hashes.SHA256()).public_bytes(pem),
        issuer.sign(issuer_key, hashes.SHA256()).public_bytes(pem),
    )


def _builder(subject: str, serial: int, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(serial)
        .subject_name(_name(subject))
        .issuer_name(_name("test issuer"))
        .not_valid_before(_START)
        .not_valid_after(_START + timedelta(days=90))
        .public_key(public_key)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _write(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def certbot_account(root: Path, server: str = "127.0.0.1:14000/dir", url: str = "https://127.0.0.1:14000/my/1") -> str:
    """certbot's default: an RSA key as JWK, and no contact in regr.json."""
    numbers = _rsa_key().private_numbers()
    public = numbers.public_numbers
    jwk = {
        "n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q,
        "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp,
    }  # fmt: skip
    folder = root / "accounts" / server / "1f7dc8210c727aed4384d5398f4cfcec"
    _write(
        folder / "private_key.json", json.dumps({name: _number(value) for name, value in jwk.items()} | {"kty": "RSA"})
    )
    _write(folder / "regr.json", json.dumps({"body": {}, "uri": url}))
    _write(folder / "meta.json", json.dumps({"creation_dt": "2026-11-23T21:29:51Z", "creation_host": "vm"}))
    return folder.name


def certbot_lineage(root: Path, name: str, names: tuple[str, ...], params: str, *, links: bool = True) -> Pair:
    """Two generations, the second in use. *links* as they are not after a copy that lost them."""
    made = pair(*names)
    archive, live = root / "archive" / name, root / "live" / name
    for generation, material in {1: pair(*names, serial=2), 2: made, 10: made}.items():
        files = {
            "privkey": material.key,
            "cert": material.leaf,
            "chain": material.issuer,
            "fullchain": material.fullchain,
        }
        for kind, data in files.items():
            _write(archive / f"{kind}{generation}.pem", data)
            if links and generation == 2:
                live.mkdir(parents=True, exist_ok=True)
                (live / f"{kind}.pem").symlink_to(f"../../archive/{name}/{kind}2.pem")
    head = "".join(f"{kind} = {live}/{kind}.pem\n" for kind in ("cert", "privkey", "chain", "fullchain"))
    _write(
        root / "renewal" / f"{name}.conf", f"version = 5.8.0\narchive_dir = {archive}\n{head}[renewalparams]\n{params}"
    )
    return made


def lego_account(root: Path, version: int = 4, server: str = "127.0.0.1_14000") -> None:
    folder = root / "accounts" / server / "a@example.test"
    url = "https://127.0.0.1:14000/my-account/22"
    if version == 4:
        body = {"status": "valid", "contact": ["mailto:a@example.test"]}
        account = {"email": "a@example.test", "registration": {"body": body, "uri": url}}
        _write(folder / "keys" / "a@example.test.key", pair("lego-account").key_sec1)
    else:
        registration = {"status": "valid", "contact": ["mailto:a@example.test"], "accountURL": url}
        account = {
            "id": "a@example.test", "email": "a@example.test", "keyType": "EC256", "server": DIRECTORY,
            "registration": registration,
        }  # fmt: skip
        _write(folder / "a@example.test.key", pair("lego-account").key)
    _write(folder / "account.json", json.dumps(account, indent="\t"))


def lego_certificate(root: Path, *names: str, version: int = 4, bundle: bool = True) -> Pair:
    made = pair(*names)
    stem = names[0].replace("*", "_")
    url = "https://127.0.0.1:14000/certZ/7e3c"
    resource = {"domain": names[0]} if version == 4 else {"id": names[0], "domains": list(names), "keyType": "EC256"}
    folder = root / "certificates"
    _write(folder / f"{stem}.json", json.dumps(resource | {"certUrl": url, "certStableUrl": url}, indent="\t"))
    _write(folder / f"{stem}.crt", made.fullchain if bundle else made.leaf)
    _write(folder / f"{stem}.issuer.crt", made.issuer)
    _write(folder / f"{stem}.key", made.key_sec1)
    return made


def acme_sh_home(root: Path, *, email: str = "a@example.test") -> None:
    _write(
        root / "account.conf",
        "LOG_FILE='/root/.acme.sh/acme.sh.log'\nUPGRADE_HASH='0'\nSAVED_CF_Token='s3cr3t-token'\n",
    )
    folder = root / "ca" / "127.0.0.1" / "dir"
    _write(folder / "account.key", pair("acme-sh-account").key_sec1)
    _write(
        folder / "ca.conf",
        f"ACCOUNT_URL='https://127.0.0.1:14000/my-account/7'\nCA_KEY_HASH='x='\nCA_EMAIL='{email}'\n",
    )


def acme_sh_certificate(root: Path, domain: str, alt: str, webroot: str, more: str = "", *, ecc: bool = True) -> Pair:
    names = (domain, *(alt.split(",") if alt != "no" else ()))
    made = pair(*names, serial=3 if ecc else 4)
    folder = root / (f"{domain}_ecc" if ecc else domain)
    conf = (
        f"Le_Domain='{domain}'\nLe_Alt='{alt}'\nLe_Webroot='{webroot}'\nLe_PreHook=''\nLe_PostHook=''\n"
        f"Le_RenewHook=''\nLe_API='{DIRECTORY}'\nLe_Keylength='{'ec-256' if ecc else '2048'}'\n{more}"
    )
    _write(folder / f"{domain}.conf", conf)
    _write(folder / f"{domain}.key", made.key_sec1)
    _write(folder / f"{domain}.cer", made.leaf)
    _write(folder / "ca.cer", made.issuer)
    _write(folder / "fullchain.cer", made.fullchain)
    return made
