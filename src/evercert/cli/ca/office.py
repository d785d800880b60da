"""What the operator's commands share: the office they work in, and how a certificate of the CA is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evercert.cli.ca.folder import ca_folder
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from evercert.ca.nouns import Certificate
    from evercert.ca.operating.office import Office

__all__ = ["open_office_of", "told"]


@asynccontextmanager
async def open_office_of(settings: Settings, directory: Path | None) -> AsyncIterator[Office]:
    """The office of this machine's CA. Whoever works there is in the audit by his login name."""
    import getpass

    from evercert.ca.operating.opening import open_office

    async with open_office(ca_folder(settings, directory), settings.environ, getpass.getuser()) as office:
        yield office


def told(certificate: Certificate, now: datetime) -> dict[str, object]:
    """The certificate as a document: that of the admin API."""
    import msgspec

    from evercert.ca.admin.shapes import certificate_shown

    return msgspec.structs.asdict(certificate_shown(certificate, now))
