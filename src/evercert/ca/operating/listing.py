"""Lists of what is revoked, for operators: which there are, new ones at once, and their octets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.ca.issuing.loading import load_issuers
from evercert.ca.operating.office import Office
from evercert.ca.setup.settings import load_ca_settings
from evercert.ca.status.making import ListMaker
from evercert.ca.status.places import path_of
from evercert.ca.store import audit, crls
from evercert.ca.store.crls import ListKey, PublishedList
from evercert.config.references import resolve
from evercert.pki.hsm.opening import Tokens

__all__ = ["made_now", "make_now", "octets"]


async def make_now(office: Office, folder: Path, environ: Mapping[str, str]) -> list[PublishedList]:
    """Afterwards every list of every issuer is new; those that a node was just making are left out. Needs the issuers'
    keys. Raises what they raise."""
    settings = load_ca_settings(folder / "ca.toml")
    with closing(Tokens(partial(resolve, environ=environ))) as tokens:
        issuers = await asyncio.to_thread(load_issuers, folder, settings.issuers, office.sealer, tokens.load)
        base = settings.plain_url.rstrip("/")
        maker = ListMaker(office.db, office.clock, office.rng, issuers, settings.status_rules(), base)
        return await made_now(office, maker)


async def made_now(office: Office, maker: ListMaker) -> list[PublishedList]:
    """The same, where a maker is at hand."""
    made = await maker.make_all()
    body = {"lists": [path_of(each.key) for each in made], "by": office.who}
    await office.db.write(audit.appended("lists made", body, office.clock.now()))
    return made


async def octets(office: Office, key: ListKey) -> bytes:
    """The newest list of that kind (DER). Raises `not-found`."""
    while found := await crls.get(office.db, key):
        read = await crls.body(office.db, found)
        if read is not None:
            return read
    raise EvercertError(
        "not-found", f"there is no list {path_of(key)}", hint="see those that there are: evercert ca crl list"
    )
