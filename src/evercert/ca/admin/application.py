"""The admin API as an `Application`: who asks, what for, with what; only then an act."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.serving import Answer, Asked
from evercert.ca.admin.callers import Caller, Callers
from evercert.ca.admin.desk import AdminDesk
from evercert.ca.admin.document import document
from evercert.ca.admin.refusals import refusal
from evercert.ca.admin.table import OPERATIONS, Operation

__all__ = ["AdminApplication"]

_log = logging.getLogger(__name__)

_JSON: Final = ("content-type", "application/json")
_PRIVATE: Final = ("cache-control", "no-store")
_MAX_BODY: Final = 64 * 1024
_MAX_FIELDS: Final = 20
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class AdminApplication:
    """*desk* gives the CA as it is now, for its operator. Whoever is not known learns nothing, not even what there
    is."""

    def __init__(self, desk: Callable[[], AdminDesk], callers: Callers) -> None:
        self._desk = desk
        self._callers = callers
        self._document = msgspec.json.encode(document())

    async def __call__(self, asked: Asked) -> Answer:
        try:
            answer = await self._answer(asked)
        except EvercertError as error:
            answer = refusal(error)
            if answer.status >= 500:
                about = (asked.method, asked.path[:200], error)
                _log.error("answering %s %s failed: %s", *about, extra={"code": error.code.name})
        except Exception:  # a fault of ours; its words are for our log alone
            _log.exception("answering %s %s failed", asked.method, asked.path[:200])
            answer = refusal(EvercertError("internal", ""))
        return replace(answer, headers=(*answer.headers, _PRIVATE))

    async def _answer(self, asked: Asked) -> Answer:
        caller = await self._callers.known(asked)
        if caller is None:
            error = EvercertError("not-allowed", "nobody is known by what was shown", hint="evercert ca admin token")
            return refusal(error, 401, ("www-authenticate", "Bearer"))
        if asked.path == "/openapi.json" and asked.method in {"GET", "HEAD"}:
            return Answer(200, self._document, (_JSON,))
        found = _at(asked.path)
        if not found:
            raise EvercertError("not-found", "there is nothing at that path", hint="/openapi.json says what there is")
        operation, words = found.get("GET" if asked.method == "HEAD" else asked.method, (None, {}))
        if operation is None:
            return refusal(EvercertError("bad-input", "the method is not taken here"), 405, ("allow", ", ".join(found)))
        return await self._done(operation, words, caller, asked)

    async def _done(self, operation: Operation, words: Mapping[str, str], caller: Caller, asked: Asked) -> Answer:
        if not caller.may(operation.role):
            raise EvercertError("not-allowed", f"{caller.name} may only look")
        _must_be_text(asked)
        given = _given(operation, asked)
        desk = self._desk()
        told = await operation.act(replace(desk, office=replace(desk.office, who=caller.name)), words, given)
        if operation.role == "operate":
            _log.info("%s: %s", caller.name, operation.name, extra={"peer": asked.peer, "path": asked.path})
        return Answer(operation.status, _encode(told), (_JSON,))


def _at(path: str) -> dict[str, tuple[Operation, dict[str, str]]]:
    """By method: what is done at that path, and its variables."""
    matched = ((each, _words(each.path, path)) for each in OPERATIONS)
    return {each.method: (each, words) for each, words in matched if words is not None}


def _words(template: str, path: str) -> dict[str, str] | None:
    """The path's variables, if it is one of the template's."""
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    words: dict[str, str] = {}
    for want, have in zip(wanted, given, strict=True):
        if want.startswith("{") and have:
            words[want.strip("{}")] = unquote(have)
        elif want != have:
            return None
    return words


def _must_be_text(asked: Asked) -> None:
    """No database keeps a NUL in a text, however it is written."""
    if "%00" in asked.path or "%00" in asked.query or b"\\u0000" in asked.body:
        raise EvercertError("bad-input", "there is a NUL in what is asked")


def _given(operation: Operation, asked: Asked) -> Any:
    """The query or the body, as the operation takes one. Raises `bad-input`, `too-large`."""
    try:
        if operation.query:
            pairs = dict(parse_qsl(asked.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
            return msgspec.convert(pairs, operation.query, strict=False)
        if operation.method == "GET":
            return None
        return _body(operation, asked)
    except msgspec.MsgspecError as error:
        raise EvercertError("bad-input", one_line(str(error)), hint="/openapi.json says what is taken") from error
    except ValueError as error:
        raise EvercertError("bad-input", "the query has too many fields") from error


def _body(operation: Operation, asked: Asked) -> Any:
    # A page in the browser of somebody whose certificate counts here could otherwise post a form.
    if asked.header("content-type").partition(";")[0].strip().lower() != "application/json":
        raise EvercertError("bad-input", "whatever changes something is sent as application/json")
    if len(asked.body) > _MAX_BODY:
        raise EvercertError("too-large", f"the body has more than {_MAX_BODY} octets")
    if operation.body is None:
        return None
    return msgspec.json.decode(asked.body or b"{}", type=operation.body)
