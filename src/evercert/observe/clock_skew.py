"""This machine's clock against the CA's (the `Date` of its answers, RFC 9110 §6.6.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from evercert.observe.finding import Finding, note, ok, warning

__all__ = ["judge_clock"]

_CHECK = "clock"
# `Date` has whole seconds, and the answer took its time.
_USUAL = timedelta(seconds=10)
# CAs date certificates back by an hour; beyond some minutes other things break first (OCSP, tokens).
_HARMLESS = timedelta(minutes=5)


def judge_clock(date: str | None, received_at: datetime) -> list[Finding]:
    told = _moment(date)
    if told is None:
        return [note(_CHECK, "the CA does not tell its time, so this clock is not checked")]
    skew = received_at - told
    side = "ahead of" if skew > timedelta() else "behind"
    amount = timedelta(seconds=round(abs(skew).total_seconds()))
    if amount <= _USUAL:
        return [ok(_CHECK, "this clock agrees with the CA's")]
    if amount <= _HARMLESS:
        return [note(_CHECK, f"this clock is {amount} {side} the CA's", "let NTP set it")]
    return [warning(_CHECK, f"this clock is {amount} {side} the CA's", "let NTP set it; renewals are planned by it")]


def _moment(date: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
