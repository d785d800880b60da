"""What a restored CA has to know: that the world has seen more of it than it remembers."""

from __future__ import annotations

from datetime import datetime, timedelta

from evercert.ca.operating.office import Office
from evercert.ca.store import audit, crls

__all__ = ["go_on_after"]


async def go_on_after(office: Office, backed_up_at: datetime) -> None:
    """Afterwards no list gets a number that one had which was made since the backup (RFC 5280 §5.2.3), and the audit
    says what was restored. Fewer than one list a second was made of each scope."""
    now = office.clock.now()
    ahead = max(now - backed_up_at, timedelta()) // timedelta(seconds=1) + 1
    body = {"backed_up_at": backed_up_at.isoformat(), "by": office.who}
    await office.db.write(crls.numbers_ahead(ahead), audit.appended("restored", body, now))
