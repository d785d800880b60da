"""The demonstration's TLS server: a program that knows nothing of Evercert.

Serves the certificate and key in two files, reads them again at SIGHUP, and drops no connection
for it: a connection keeps what its handshake used. Run as `python -m evercert.demo.server FULLCHAIN KEY`;
prints its port when it listens.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys

__all__ = ["serve"]

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        writer.write(_ANSWER)
        await writer.drain()
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def serve(fullchain: str, key: str) -> None:
    """Listen on a free port of 127.0.0.1 until SIGTERM."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(fullchain, key)
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context, limit=8192)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, context.load_cert_chain, fullchain, key)
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
