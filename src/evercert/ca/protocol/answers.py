"""Answers: documents, problems, and the headers that go with them (RFC 8555 §6, RFC 7807, RFC 8288)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from evercert.acme.problem import Problem, ProblemType
from evercert.acme.wire import ProblemDocument
from evercert.base.serving import Answer
from evercert.ca.problems import members_of

__all__ = ["document", "json_answer", "moment", "problem_answer", "retry_after"]

_JSON: Final = ("content-type", "application/json")
_PROBLEM: Final = ("content-type", "application/problem+json")
_encode: Final = msgspec.json.Encoder().encode

Header = tuple[str, str]


def json_answer(status: int, members: Mapping[str, object], *headers: Header) -> Answer:
    return Answer(status, _encode(members), (_JSON, *headers))


def problem_answer(problem: Problem, *headers: Header) -> Answer:
    """The problem document, with Retry-After where the problem knows a time, and a link to terms that are to be agreed
    to (RFC 8555 §7.3.3)."""
    wait = (retry_after(problem.after),) if problem.after is not None else ()
    is_about_terms = problem.type is ProblemType.USER_ACTION_REQUIRED and problem.instance
    terms = (("link", f'<{problem.instance}>;rel="terms-of-service"'),) if is_about_terms else ()
    return Answer(problem.status, _encode(members_of(problem)), (_PROBLEM, *wait, *terms, *headers))


def document(kept: ProblemDocument) -> object:
    """A kept problem, as it is shown."""
    return msgspec.to_builtins(kept)


def retry_after(wait: timedelta) -> Header:
    return "retry-after", str(max(1, round(wait.total_seconds())))


def moment(when: datetime) -> str:
    """RFC 3339, in whole seconds."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
