"""What `revoke` does once its options are read."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.cli.outcome import report_outcome
from evercert.cli.output import Output
from evercert.cli.store import existing
from evercert.config.settings import Settings
from evercert.engine.wiring import Engine, open_engine
from evercert.model.fact import CertificateFact, IssuedCertificate
from evercert.pki.keys import PrivateKey
from evercert.store import certificates, issued, keys

__all__ = ["Revocation", "revoke"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """What was asked: which certificate, why (RFC 5280 §5.3.1), who signs, and what comes after."""

    name: str
    reason: int
    serial: str
    by_certificate_key: bool
    replace: bool


async def revoke(output: Output, settings: Settings, asked: Revocation) -> int:
    """Afterwards the CA has revoked the certificate, and another is in its place where that was meant."""
    async with open_engine(settings, output.progress) as engine:
        fact = await existing(engine.db, asked.name)
        chosen = await _chosen(engine, fact, asked.serial)
        await _revoke_at_ca(engine, fact, chosen, asked)
        await issued.revoked(engine.db, chosen.id, asked.reason, engine.clock.now())
        output.progress(asked.name, f"revoked, serial {chosen.serial}")
        if asked.replace and fact.current is not None and chosen.id == fact.current.id:
            await certificates.wake(engine.db, asked.name, engine.clock.now(), forced=True)
            await engine.worker.settle(asked.name)
        elif not asked.replace:
            await certificates.delete(engine.db, asked.name, engine.clock.now())
            words = f"{asked.name}: revoked and forgotten; what is installed stays until you take it away"
            output.result({"revoked": chosen.serial, "deleted": asked.name}, words)
            return 0
        return await report_outcome(output, engine, [asked.name])


async def _chosen(engine: Engine, fact: CertificateFact, serial: str) -> IssuedCertificate:
    history = await issued.history(engine.db, fact.intent.name)
    wanted = serial.lower().replace(":", "").lstrip("0") or (fact.current.serial if fact.current else "")
    for each in history:
        if each.serial.lower().lstrip("0") == wanted.lstrip("0"):
            return each
    raise EvercertError("not-found", "there is no such certificate to revoke", name=fact.intent.name)


async def _revoke_at_ca(engine: Engine, fact: CertificateFact, chosen: IssuedCertificate, asked: Revocation) -> None:
    leaf, _ = await issued.body(engine.db, chosen.id)
    key = await _certificate_key(engine, chosen) if asked.by_certificate_key else None
    registered = await engine.accounts.that_issued(chosen, fact.intent)
    try:
        await registered.client.revoke(leaf, asked.reason, key)
    except Problem as problem:
        # Somebody was faster, or our answer was lost: what was asked for is so.
        if problem.type is ProblemType.ALREADY_REVOKED:
            return
        if problem.type is ProblemType.UNAUTHORIZED and not asked.by_certificate_key:
            await engine.accounts.judged(registered, problem)
            problem.hint = "another account got it: sign with the certificate's own key, --by-certificate-key"
        raise problem.about(name=asked.name) from problem


async def _certificate_key(engine: Engine, chosen: IssuedCertificate) -> PrivateKey:
    if chosen.key_id is None:
        raise EvercertError(
            "bad-key", "its key was never here (the request came from outside)", name=chosen.certificate
        )
    return await keys.load(engine.db, engine.sealer, chosen.key_id)
