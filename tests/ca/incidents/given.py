"""Real servers on loopback that a validation is let to, and a real network that lets it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.message
import dns.rdatatype
import dns.rrset

from evercert.base.probe import Limits
from evercert.ca.validation.claim import Reach
from evercert.ca.validation.policy import NetworkPolicy
from evercert.net.validating.network import ValidatingNetwork
from tests.ca.validation.given import THUMBPRINT, TOKEN
from tests.fakes.dns_server import Answering
from tests.fakes.peer import Peer, Speak, read_request

__all__ = ["PROOF", "answering", "loopback", "names", "page", "shown"]

PROOF = f"{TOKEN}.{THUMBPRINT}".encode()


def loopback(resolver: str, *, http_port: int = 80, tls_port: int = 443, **limits: Any) -> Reach:
    """The real network, with loopback named by the operator."""
    network = ValidatingNetwork([resolver], dns_timeout=2)
    usual = Reach(network, NetworkPolicy(["127.0.0.0/8", "::1"]), http_port, tls_port)
    return replace(usual, limits=replace(Limits(), **limits))  # octets and seconds


def page(body: bytes = PROOF, status: str = "200 OK", **headers: str) -> bytes:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answering(answer: bytes) -> Speak:
    def speak(connection: Any) -> None:
        read_request(connection)
        connection.sendall(answer)

    return speak


def names(*rounds: Mapping[str, Sequence[str]]) -> Answering:
    """A DNS whose A and AAAA answers change from question to question for the same name; the last round stays."""
    asked: dict[tuple[str, int], int] = {}

    def answer(wire: bytes, over_tcp: bool) -> list[bytes]:
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        times = asked[name, question.rdtype] = asked.get((name, question.rdtype), -1) + 1
        kind = {dns.rdatatype.A: ".", dns.rdatatype.AAAA: ":"}.get(question.rdtype, "no such")
        found = [each for each in rounds[min(times, len(rounds) - 1)].get(name, ()) if kind in each]
        if found:
            reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", question.rdtype.name, *found))
        return [reply.to_wire()]

    return answer


@contextmanager
def shown(folder: Path, certificate: str, key: bytes, *, alpn: str = "acme-tls/1") -> Iterator[Peer]:
    """A TLS server that shows that certificate to everybody."""
    (folder / "shown.pem").write_bytes(certificate.encode() + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "shown.pem")
    context.set_alpn_protocols([alpn])
    with Peer(lambda connection: None, context) as peer:
        yield peer
