"""`evercert ca`: the table of its commands."""

from __future__ import annotations

from typing import Final

from evercert.cli.app import Lazy

__all__ = ["CA_COMMANDS", "command"]

CA_COMMANDS: Final[dict[str, str]] = {
    "init": "make a CA in a folder: root, first issuer, settings",
    "serve": "answer as that CA, until told to stop",
    "reload": "have the CA that is served read its settings, profiles and issuers again",
    "perspective": "look at names for a CA that is elsewhere, until told to stop",
    "trust": "have this machine trust a CA, by its root's fingerprint if it is elsewhere",
    "list": "the certificates of this machine's CA; or the CAs that Evercert knows",
    "show": "one certificate of this machine's CA, or one CA that Evercert knows",
    "revoke": "revoke a certificate of this machine's CA",
    "stats": "this machine's CA in figures",
    "eab": "external accounts: who may register, and for what names",
    "profile": "what this machine's CA issues",
    "issuer": "the CA certificates that sign: add, cross-sign, retire",
    "crl": "lists of what this machine's CA has revoked: see, make, export",
    "limits": "who has asked for how much; and names that are not tried any more",
    "incident": "have certificates renewed before their time",
    "backup": "everything that a CA needs, in one sealed file",
    "restore": "a CA from its backup, in a new folder",
    "admin": "who may use the admin API",
    "demo": "watch several nodes of one CA: killed under load, and nothing is lost",
    "audit": "what was issued, refused and done; and the proof of it",
}

command = Lazy(
    CA_COMMANDS,
    "evercert.cli.ca",
    name="ca",
    help="""Be a CA: an ACME server for internal names, services, labs and devices. Its folder is --dir, or `ca` in the
    home. Where there is none, list and show tell of the public CAs that Evercert knows.""",
    short_help="be a CA; and the CAs that Evercert knows",
)
