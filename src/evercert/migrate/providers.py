"""Other clients' names for DNS providers, and ours; how a folder's habit becomes a challenge rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evercert.model.intent import ChallengeRule

__all__ = ["PROVIDERS", "Provider", "dns_rule"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One DNS provider. `lexicon` names it where ours is the adapter to dns-lexicon.

    `certbot` is the authenticator without `dns-`; `acme_sh` the hook without `dns_`.
    """

    ours: str
    certbot: str = ""
    acme_sh: str = ""
    lexicon: str = ""


PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider("cloudflare", "cloudflare", "cf"),
    Provider("route53", "route53", "aws"),
    Provider("rfc2136", "rfc2136", "nsupdate"),
    Provider("powerdns", "powerdns", "pdns"),
    Provider("acmedns", "acmedns", "acmedns"),
    Provider("lexicon", "aliyun", "ali", "aliyun"),
    Provider("lexicon", "azure", "azure", "azure"),
    Provider("lexicon", "desec", "desec", "desec"),
    Provider("lexicon", "digitalocean", "dgon", "digitalocean"),
    Provider("lexicon", "dnsimple", "dnsimple", "dnsimple"),
    Provider("lexicon", "dnsmadeeasy", "me", "dnsmadeeasy"),
    Provider("lexicon", "duckdns", "duckdns", "duckdns"),
    Provider("lexicon", "dynu", "dynu", "dynu"),
    Provider("lexicon", "gandi", "gandi_livedns", "gandi"),
    Provider("lexicon", "gehirn", "", "gehirn"),
    Provider("lexicon", "godaddy", "gd", "godaddy"),
    Provider("lexicon", "google", "gcloud", "googleclouddns"),
    Provider("lexicon", "hetzner", "hetzner", "hetzner"),
    Provider("lexicon", "infomaniak", "infomaniak", "infomaniak"),
    Provider("lexicon", "inwx", "inwx", "inwx"),
    Provider("lexicon", "ionos", "ionos", "ionos"),
    Provider("lexicon", "joker", "joker", "joker"),
    Provider("lexicon", "linode", "linode_v4", "linode4"),
    Provider("lexicon", "luadns", "lua", "luadns"),
    Provider("lexicon", "namecheap", "namecheap", "namecheap"),
    Provider("lexicon", "netcup", "netcup", "netcup"),
    Provider("lexicon", "njalla", "njalla", "njalla"),
    Provider("lexicon", "nsone", "nsone", "nsone"),
    Provider("lexicon", "ovh", "ovh", "ovh"),
    Provider("lexicon", "porkbun", "porkbun", "porkbun"),
    Provider("lexicon", "sakuracloud", "", "sakuracloud"),
    Provider("lexicon", "transip", "transip", "transip"),
    Provider("lexicon", "vultr", "vultr", "vultr"),
)


def dns_rule(provider: Provider, match: str = "*") -> ChallengeRule:
    """dns-01 with our name for it. Secrets are not taken over: our provider asks for its own
    references, and the old client's file may hold more than one account's."""
    options = {"provider": provider.lexicon} if provider.lexicon else {}
    return ChallengeRule(type="dns-01", solver=provider.ours, options=options, match=match)
