"""One client and its requests, answered one after another, each in its time."""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from typing import Final, Protocol

from evercert.base.foreign import one_line
from evercert.base.serving import Answer, Asked
from evercert.net.serve.reading import Phase, Refusal, RequestReader
from evercert.net.serve.reply import CONTINUE, head_of
from evercert.net.serve.service import Service

__all__ = ["Connection", "Wire"]

_log = logging.getLogger(__name__)

# So much is parsed before what it contained is answered, and sent before the peer has to take some of it.
_PIECE: Final = 16 * 1024
_SENT_AT_ONCE: Final = 64 * 1024
_FAILED: Final = Answer(500)


class Wire(Protocol):
    """What a connection needs of an `asyncio.Transport`, so that TLS can stand between."""

    def write(self, data: bytes | memoryview) -> None: ...

    def write_eof(self) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Connection:
    """Reads on only when what was asked is answered and taken, so that no peer can pile up work or answers."""

    def __init__(self, service: Service) -> None:
        self.deadline = math.inf
        self._service = service
        self._reader: RequestReader | None = None
        self._received = b""
        self._refusal: Refusal | None = None
        self._answering: asyncio.Task[None] | None = None
        self._rest = memoryview(b"")
        self._goes_on = True
        self._awaited = Phase.NOTHING  # what the deadline is for
        self._is_blocked = self._is_leaving = self._is_granted = self._peer_is_done = False

    # From the wire.

    def arrive(self, wire: Wire) -> bool:
        """Whether there is room. From now on its time runs."""
        self._wire = wire
        if not self._service.crowd.admits(self):
            self._is_leaving = True
            wire.abort()
            return False
        self._wait(self._service.limits.head_seconds)
        return True

    def begin(self, peer: str, client_certificate: bytes) -> None:
        """Requests may come."""
        self._reader = RequestReader(self._service.limits, peer, client_certificate)

    def data_received(self, data: bytes) -> None:
        if self._is_leaving or self._refusal is not None:
            return  # what nobody reads must be taken all the same, or the goodbye is lost in a reset
        self._received += data
        if self._is_busy():
            self._wire.pause_reading()
        else:
            self._go_on()

    def eof_received(self) -> bool:
        """A peer may end its half and wait for the answers."""
        self._peer_is_done = True
        if self._is_leaving:
            return False
        if not self._is_busy():
            self._leave()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_leaving = True
        self._received, self._rest, self._reader = b"", memoryview(b""), None
        if self._answering is None:
            self._service.crowd.leave(self)

    def pause_writing(self) -> None:
        self._is_blocked = True
        self._wait(self._service.limits.send_seconds)

    def resume_writing(self) -> None:
        self._is_blocked = False
        if self._answering is None and not self._is_leaving:
            self._wait_idle()
            self._push()

    # From the crowd.

    def overdue(self) -> None:
        reader = self._reader
        if self._is_leaving and self._wire.get_write_buffer_size() and not self._is_granted:
            self._is_granted = True  # a slow peer gets the rest of its answer
            self._wait(self._service.limits.send_seconds)
        elif self._is_leaving or self._is_blocked or reader is None:
            self.end()
        elif reader.phase is Phase.NOTHING:
            self._leave()
        else:
            self._refuse(reader, 408)

    def finish(self) -> None:
        if self._reader is None:
            self.end()
        elif not self._is_busy() and self._reader.phase is Phase.NOTHING and not self._is_leaving:
            self._leave()

    def end(self) -> None:
        self._is_leaving = True
        crowd = self._service.crowd
        if self._answering is None:
            crowd.leave(self)
        else:  # also where it has not begun, and so will never see that it is cancelled
            self._answering.add_done_callback(lambda _: crowd.leave(self))
            self._answering.cancel()
        self._wire.abort()

    # Its own course.

    def _is_busy(self) -> bool:
        return self._answering is not None or self._is_blocked or bool(self._rest)

    def _wait(self, seconds: float) -> None:
        self.deadline = self._service.clock.monotonic() + seconds

    def _wait_idle(self) -> None:
        self._awaited = Phase.NOTHING
        self._wait(self._service.limits.idle_seconds)

    def _go_on(self) -> None:
        """Nothing is being answered: the next request is, if one is whole."""
        reader = self._reader
        if reader is None or self._is_leaving:
            return
        self._read_on(reader)
        if reader.whole:
            asked, self._goes_on = reader.whole.popleft()
            self.deadline = math.inf
            self._service.crowd.is_asking(self)
            self._answering = asyncio.get_running_loop().create_task(self._answer(asked))
        elif self._refusal is not None:
            self._refuse(reader, self._refusal.status)
        elif self._peer_is_done:
            self._leave()
        else:
            self._await_more(reader)

    def _read_on(self, reader: RequestReader) -> None:
        try:
            while self._received and not reader.whole and not reader.is_over:
                piece, self._received = self._received[:_PIECE], self._received[_PIECE:]
                reader.feed(piece)
        except Refusal as refusal:
            self._refusal = refusal
            self._received = b""

    def _await_more(self, reader: RequestReader) -> None:
        if reader.wants_continue:
            reader.wants_continue = False
            self._wire.write(CONTINUE)
        if reader.phase is not self._awaited:
            self._awaited = reader.phase
            limits = self._service.limits
            self._wait(limits.head_seconds if reader.phase is Phase.HEAD else limits.body_seconds)
        self._wire.resume_reading()

    async def _answer(self, asked: Asked) -> None:
        service = self._service
        began = service.clock.monotonic()
        try:
            answer = await service.application(asked)
            self._goes_on = self._goes_on and not service.crowd.is_closing
            head = head_of(answer, service.date, goes_on=self._goes_on)
        except asyncio.CancelledError:
            self._answering = None
            self.end()
            raise
        except Exception:
            _log.exception("no answer to %s %s", asked.method, one_line(asked.path))
            answer = _FAILED
            head = head_of(answer, service.date, goes_on=self._goes_on)
        self._answering = None
        service.observer(asked, answer.status, service.clock.monotonic() - began, len(answer.body))
        if self._is_leaving:
            service.crowd.leave(self)
        else:
            service.crowd.is_answered(self)
            self._wait_idle()
            self._send(head, b"" if asked.method == "HEAD" else answer.body)

    def _send(self, head: bytes, body: bytes) -> None:
        if len(body) <= _SENT_AT_ONCE:
            self._wire.write(head + body)
        else:
            self._wire.write(head)
            self._rest = memoryview(body)
        self._push()

    def _push(self) -> None:
        """Sends what the peer takes; when that is all, the next request may be read."""
        while self._rest and not self._is_blocked:
            piece, self._rest = self._rest[:_SENT_AT_ONCE], self._rest[_SENT_AT_ONCE:]
            self._wire.write(piece)
        if self._is_blocked:
            return
        if self._goes_on:
            self._go_on()
        else:
            self._leave()

    def _refuse(self, reader: RequestReader, status: int) -> None:
        asked = reader.partial()
        self._wire.write(head_of(Answer(status), self._service.date, goes_on=False))
        self._service.observer(asked, status, 0.0, 0)
        self._leave()

    def _leave(self) -> None:
        """Says goodbye, and waits for the peer's: what it still sends would reset the connection, and the answer
        with it, if nobody took it."""
        self._is_leaving = True
        self._received = b""
        self._wait(self._service.limits.goodbye_seconds)
        if self._peer_is_done:
            self._wire.close()
        else:
            with suppress(OSError):  # of a peer that is gone, which the loop is about to find out
                self._wire.write_eof()
            self._wire.resume_reading()
