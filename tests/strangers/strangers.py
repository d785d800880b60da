"""Everybody whom we know."""

from __future__ import annotations

from typing import Final

from tests.strangers.acme_client import AcmeClient
from tests.strangers.acme_library import AcmeLibrary
from tests.strangers.acme_tiny import AcmeTiny
from tests.strangers.acmetool import Acmetool
from tests.strangers.caddy import Caddy, DebianCaddy
from tests.strangers.certbot import Certbot
from tests.strangers.client import Client
from tests.strangers.dehydrated import Dehydrated
from tests.strangers.lego import Lego
from tests.strangers.mod_md import ModMd
from tests.strangers.traefik import Traefik
from tests.strangers.uacme import Uacme

__all__ = ["STRANGERS"]

# The slow ones first: what is handed out last, all wait for.
STRANGERS: Final[tuple[type[Client], ...]] = (
    Lego,
    Acmetool,
    Dehydrated,
    Traefik,
    Certbot,
    AcmeLibrary,
    ModMd,
    AcmeClient,
    Uacme,
    Caddy,
    DebianCaddy,
    AcmeTiny,
)
