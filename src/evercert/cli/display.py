"""Facts as people read them, and as scripts do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from evercert.base.foreign import one_line
from evercert.engine.ahead import Ahead, What
from evercert.engine.installing import Installation, put_off
from evercert.engine.merging import lacking
from evercert.model.event import KINDS
from evercert.model.fact import CertificateFact, Deployment
from evercert.model.state import state_of
from evercert.store.history import Entry
from evercert.store.views import Listed

__all__ = [
    "certificate_document",
    "certificate_lines",
    "counted",
    "event_line",
    "few",
    "listed_cells",
    "listed_document",
    "put_off_document",
    "put_off_words",
    "span",
    "when",
    "worded",
]

# So wide is what stands in the list in place of a moment, at most; `evercert show` has all of it.
_CELL = 48
_DETAILS = 500
# So many names stand in a row.
_FEW = 3


def when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "-"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def few(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")


def worded(value: object) -> str:
    """What an event or a record says, in words: several are parted by commas."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ",".join(map(worded, value))
        case dict():
            return msgspec.json.encode(value).decode()
    return str(value)


def span(length: timedelta) -> str:
    """A length of time in the largest unit that has at least two of it."""
    seconds = int(abs(length).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def certificate_document(fact: CertificateFact, now: datetime, issued_at: str = "") -> dict[str, object]:
    """Everything about a certificate that is no secret; *issued_at* is the CA that issued it, where that is known."""
    current = fact.current
    return {
        "name": fact.intent.name,
        "identifiers": [identifier.value for identifier in fact.intent.identifiers],
        "ca": fact.intent.ca,
        "account": fact.intent.account,
        "further_cas": [ca.directory for ca in fact.intent.terms.further_cas],
        "issued_at": issued_at or None,
        "state": state_of(fact, now).value,
        "key_type": fact.intent.key_type.value,
        "owner": fact.intent.terms.owner,
        "tags": fact.intent.terms.tags,
        "criticality": fact.intent.terms.criticality.value,
        "challenges": [f"{rule.type} by {rule.solver}" for rule in fact.intent.challenges],
        "current": current,
        "renewal": fact.renewal,
        "deployments": fact.deployments,
        "put_off": put_off_document(put_off(fact, now)),
        "open_order": fact.open_issuance.order_url if fact.open_issuance else None,
        "failures": fact.failures,
        "failure": fact.failure,
        "retry_at": fact.retry_at,
        "hold": fact.hold,
        "stopped": fact.stopped,
        "members": fact.intent.terms.members,
        "left_out": tuple(lacking(fact, now)),
    }


def certificate_lines(
    fact: CertificateFact, now: datetime, renewal: str, planned: str, issued_at: str = ""
) -> list[str]:
    """The same for a person; *renewal* says when it is renewed and why, *planned* what happens next."""
    current = fact.current
    lines = [
        f"{fact.intent.name}: {state_of(fact, now).value}",
        f"  names       {', '.join(identifier.value for identifier in fact.intent.identifiers)}",
        f"  CA          {fact.intent.ca} (account {fact.intent.account})",
        *(f"  or          {ca.directory} (account {ca.account})" for ca in fact.intent.terms.further_cas),
        f"  proved by   {', '.join(f'{rule.type} by {rule.solver}' for rule in fact.intent.challenges) or '-'}",
    ]
    if fact.intent.terms.members:
        lines.append(f"  made of     {', '.join(fact.intent.terms.members)}")
    if fact.intent.terms.owner or fact.intent.terms.tags:
        lines.append(f"  owner       {fact.intent.terms.owner or '-'}  tags {', '.join(fact.intent.terms.tags) or '-'}")
    if current:
        lines += [
            f"  issued      {when(current.issued_at)} by {current.issuer}, serial {current.serial}"
            + (f" (at {issued_at})" if issued_at not in {"", fact.intent.ca} else ""),
            f"  valid       {when(current.not_before)} to {when(current.not_after)}",
            f"  left        {span(max(current.not_after - now, timedelta()))}",
            f"  SHA-256     {current.fingerprint}",
            f"  renewal     {renewal}",
        ]
    lines += [_deployment_line(each, current.id if current else 0) for each in fact.deployments]
    if waiting := put_off(fact, now):
        lines += [f"  put off     {each}" for each in put_off_words(waiting)]
        lines.append(f"              `evercert tasks run {fact.intent.name}` does it now")
    if fact.failure:
        lines.append(f"  failed      {when(fact.failure.at)}: {fact.failure.message}")
        lines += [f"              {fact.failure.hint}"] if fact.failure.hint else []
    for each in lacking(fact, now):
        lines.append(f"  left out    {each.member}, tried again {when(each.until)}: {each.failure.message}")
        lines += [f"              {each.failure.hint}"] if each.failure.hint else []
    if fact.stopped:
        lines.append(f"  stopped     {when(fact.stopped.at)}: {fact.stopped.reason}")
        lines.append(f"              `evercert tasks resume {fact.intent.name}` lets it go on")
    return [*lines, f"  next        {planned}"]


def _deployment_line(deployment: Deployment, current_id: int) -> str:
    behind = "" if deployment.issued_id == current_id else " (an earlier certificate)"
    words = deployment.failure.message if deployment.failure else deployment.detail
    return f"  in {deployment.target:<8} {deployment.status.value}{behind} since {when(deployment.changed_at)}" + (
        f": {words}" if words else ""
    )


def put_off_words(waiting: Sequence[Installation]) -> list[str]:
    """Where the current certificate is not installed yet although nothing failed, until when and why."""
    return [f"not installed in {each.target} before {when(each.moment)}: {each.put_off}" for each in waiting]


def put_off_document(waiting: Sequence[Installation]) -> list[dict[str, object]]:
    """The same for scripts."""
    return [{"target": each.target, "until": each.moment, "reason": each.put_off} for each in waiting]


def listed_document(line: Listed, then: Ahead, waiting: Sequence[Installation] = ()) -> dict[str, object]:
    """One certificate in the list, with what is next *then*, and where installing it is *waiting*."""
    document = msgspec.structs.asdict(line)
    del document["fact"]
    failing = line.failing.code if line.failing else None
    return document | {"failing": failing, "next": then, "put_off": put_off_document(waiting)}


def listed_cells(line: Listed, then: Ahead, now: datetime) -> tuple[str, ...]:
    """One certificate's row in the list: name, state, time left, what is next *then*, CA, names."""
    left = span(line.not_after - now) if line.not_after and line.not_after > now else "-"
    state = f"{line.state.value}, failing: {line.failing.code}" if line.failing else line.state.value
    shown = few([identifier.value for identifier in line.identifiers])
    if line.left_out:
        shown += f"; left out: {few([each.member for each in line.left_out])}"
    host = line.ca.partition("://")[2].partition("/")[0]
    return line.name, state, left, _then(then, now), host, shown


def _then(then: Ahead, now: datetime) -> str:
    """What is next and when, and what puts it off; of a stop its reason alone."""
    if then.what is What.STOPPED:
        return one_line(f"stopped: {then.why}", _CELL)
    words = f"{then.what.value} {when(then.at) if then.at > now else 'now'}"
    return f"{words}: {one_line(then.why, _CELL)}" if then.why and then.at > now else words


def event_line(entry: Entry) -> str:
    """One event: its number, when, what, and its particulars, also of a kind that only a newer version has."""
    told = {name: value for name, value in entry.fields.items() if value not in ("", False, 0, [])}
    details = " ".join(f"{name}={worded(value)}" for name, value in told.items())
    if entry.kind not in KINDS:
        details = f"(an unknown kind of event) {one_line(details, _DETAILS)}"
    return f"{entry.id:>6}  {when(entry.at)}  {entry.kind:<20} {entry.certificate or '-'}  {details}".rstrip()
