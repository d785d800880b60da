"""In which wave each certificate of an incident is replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from evercert.engine.incident.selecting import Chosen
from evercert.model.incident import Measures, Selection, Stage
from evercert.store.incidents import Member

__all__ = ["Ranked", "members", "ranked"]

# RFC 5280 §5.3.1: keyCompromise.
_KEY_COMPROMISE = 1

_OWN_REQUEST = "its request came from outside, with its key: give Evercert a new request (`evercert obtain --csr`)"


@dataclass(frozen=True, slots=True, order=True)
class Ranked:
    """A chosen certificate by what its turn depends on; the smaller is first."""

    rank: int
    not_after: datetime
    issued_id: int
    # It needs another key, and that only its owner can make.
    needs_request: bool = False


def ranked(chosen: Chosen, selection: Selection, measures: Measures) -> Ranked:
    about_keys = bool(selection.key or selection.key_type) or measures.revoke == _KEY_COMPROMISE
    return Ranked(
        chosen.intent.terms.criticality.rank,
        chosen.issued.not_after,
        chosen.issued.issued_id,
        needs_request=about_keys and bool(chosen.intent.csr) and chosen.issued.is_current,
    )


def members(chosen: Iterable[Ranked], measures: Measures) -> Iterator[Member]:
    """Each in its wave: the most critical first, of these the first to end; no wave mixes criticalities, and each is
    larger than the one before, so that what is wrong is seen while it is small, and a million take some twenty."""
    wave, size = 0, measures.wave_size
    for _, alike in groupby(sorted(chosen), key=lambda each: each.rank):
        left = 0
        for each in alike:
            if each.needs_request:
                yield Member(each.issued_id, max(wave, 1), Stage.FAILED, _OWN_REQUEST)
                continue
            if left == 0:
                wave, left = wave + 1, size
                size *= measures.growth
            left -= 1
            yield Member(each.issued_id, wave)
