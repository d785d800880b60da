"""The protocol by hand: an account, an order, http-01, finalize, download; every step is one call.

    python examples/plumbing.py https://localhost:14000/dir www.example.test 5002 ca.pem

`AsyncClient` knows RFC 8555 and nothing else: keys, answers to challenges and storage are the caller's.
"""

import asyncio
import sys
from pathlib import Path

from evercert import AsyncClient
from evercert.acme.challenge import key_authorization
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.listen import HttpResponder
from evercert.pki.cert import certificate_pem
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate


async def main(directory: str, name: str, http_port: int, roots: Path) -> None:
    clock = SystemClock()
    transport = HttpTransport(HttpSettings(roots=roots), clock)
    account_key, certificate_key = generate(KeyType.EC256), generate(KeyType.EC256)
    client = AsyncClient(directory, account_key, transport, clock)
    responder = HttpResponder()
    await responder.start(["127.0.0.1"], http_port)
    try:
        await client.new_account(terms_agreed=True)
        identifiers = parse_identifiers([name])
        order = await client.new_order(identifiers)
        for authorization in await client.authorizations(order):
            if authorization.status == "valid":
                continue
            challenge = next(each for each in authorization.challenges if each.type == "http-01")
            responder.put(challenge.token, key_authorization(challenge.token, account_key.jwk))
            await client.answer(challenge)
            await client.await_authorization(authorization.url, timeout=60)
        order = await client.finalize(order, build_csr(certificate_key, identifiers), timeout=60)
        [chain, *_] = await client.chains(order, alternates=False)
        print("".join(map(certificate_pem, chain)), end="")
    finally:
        await responder.close()
        await transport.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
