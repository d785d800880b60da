"""Meters that Prometheus reads. Every label has few values, whoever asks for whatever."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from evercert.acme.problem import Problem
from evercert.base.serving import Asked

__all__ = ["PrometheusMeters"]

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_VALIDATING: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIGNING: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

# By first segment of the path; what is not here is "other".
_RESOURCES: Final = frozenset({"crl", "ocsp", "issuer", "root", "roots.pem", "root.der", "health"})
_ACME: Final = frozenset(
    {
        "directory",
        "new-nonce",
        "new-account",
        "new-order",
        "new-authz",
        "key-change",
        "revoke-cert",
        "renewal-info",
        "account",
        "order",
        "authz",
        "challenge",
        "certificate",
        "star",
    }
)
_OTHER: Final = "other"


class PrometheusMeters:
    """Keeps the contract of `ca.meters.Meters`, in a registry of its own. Owned by one node."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Requests answered.", "resource", "status")
        self._seconds = self._histogram("request_seconds", "Time to an answer.", _SECONDS, "resource")
        self._problems = self._counter("problems", "Refusals, by type of problem (badNonce, rateLimited ...).", "type")
        self._orders = self._counter("orders", "Orders by what became of them.", "profile", "outcome")
        self._validations = self._counter(
            "validations", "Validations, each of which ends an authorization.", "challenge", "profile", "outcome"
        )
        self._validating = self._histogram("validation_seconds", "Time of validations.", _VALIDATING, "challenge")
        self._certificates = self._counter("certificates", "Certificates signed.", "issuer", "profile")
        self._signing = self._histogram("signing_seconds", "Time of signatures.", _SIGNING, "issuer")
        self._failures = self._counter("failures", "Faults that were logged, by error code.", "code")
        self._own_end = self.gauge("own_certificate_end_timestamp_seconds", "End of the server's own certificate.")
        # The labelled ones that were used; looking them up in the library costs a microsecond and a lock each.
        self._answers: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        """A gauge of this registry; once for each name."""
        return Gauge(name, meaning, labels, namespace="evercert", subsystem="ca", registry=self.registry)

    def rendered(self, accept: str) -> tuple[str, bytes]:
        """Everything, as the asker takes it: its content type and the text."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    def answered(self, asked: Asked, status: int, seconds: float, octets: int) -> None:
        resource = _resource(asked.path)
        meters = self._answers.get((resource, status))
        if meters is None:
            count, time = self._requests.labels(resource, str(status)), self._seconds.labels(resource)
            meters = self._answers[resource, status] = (count.inc, time.observe)
        count_one, observe = meters
        count_one()
        observe(seconds)

    def refused(self, asked: Asked, problem: Problem) -> None:
        self._problems.labels(problem.type.value.name).inc()

    def ordered(self, profile: str, outcome: str) -> None:
        self._orders.labels(profile, outcome).inc()

    def validated(self, challenge: str, profile: str, outcome: str, seconds: float) -> None:
        self._validations.labels(challenge, profile, outcome).inc()
        self._validating.labels(challenge).observe(seconds)

    def signed(self, issuer: str, profile: str, seconds: float) -> None:
        self._certificates.labels(issuer, profile).inc()
        self._signing.labels(issuer).observe(seconds)

    def certified_itself(self, until: datetime) -> None:
        self._own_end.set(until.timestamp())

    def log_counter(self) -> logging.Handler:
        """Takes log records, and counts the faults among them: an attribute `code` says of what kind each is."""
        return _CountingFaults(self._failures)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, namespace="evercert", subsystem="ca", registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(
            name, meaning, labels, namespace="evercert", subsystem="ca", registry=self.registry, buckets=buckets
        )


class _CountingFaults(logging.Handler):
    """Of every record from ERROR on."""

    def __init__(self, failures: Counter) -> None:
        super().__init__(logging.ERROR)
        self._failures = failures

    def emit(self, record: logging.LogRecord) -> None:
        self._failures.labels(getattr(record, "code", "internal")).inc()


def _resource(path: str) -> str:
    """What the path is one of: RFC 8555's resources by our word for each, and what is beside them."""
    words = path.split("/", 3)
    if len(words) < 2:
        return _OTHER
    if words[1] == "acme":
        return words[2] if len(words) > 2 and words[2] in _ACME else _OTHER
    return words[1] if words[1] in _RESOURCES else _OTHER
