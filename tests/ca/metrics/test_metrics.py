"""What Prometheus is shown, of a CA at work."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.serving import Asked
from evercert.ca.metrics.page import metrics_page
from evercert.ca.metrics.prometheus import PrometheusMeters
from evercert.ca.node.private import check_private
from tests.ca.given import World, a_ca
from tests.ca.protocol.test_certificates import issued
from tests.ca.protocol.wire import Wire, header, kind_of
from tests.house.sources import ROOT


@pytest.fixture
def meters() -> PrometheusMeters:
    return PrometheusMeters()


@pytest.fixture
async def world(tmp_path: Path, meters: PrometheusMeters) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca", meters=meters) as world:
        yield world


async def seen(world: World, meters: PrometheusMeters) -> dict[tuple[str, frozenset[str]], float]:
    """Every sample by its name without our prefix, and its labels' values."""
    answer = await metrics_page(world.node, meters)(Asked("GET", "/metrics"))
    assert answer.status == 200
    return {
        (sample.name.removeprefix("evercert_ca_"), frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


async def test_what_happens_is_counted(world: World, meters: PrometheusMeters) -> None:
    wire = Wire(world.node.site)
    await issued(world, wire, "www.example.test")
    assert kind_of(await wire.order("www.example.test", profile="none")) == "invalidProfile"
    await world.node.own.issue(parse_identifiers(["ca.test"]))
    found = await seen(world, meters)
    assert found["orders_total", frozenset({"default", "new"})] == 1
    assert found["orders_total", frozenset({"default", "valid"})] == 1
    assert found["validations_total", frozenset({"http-01", "default", "valid"})] == 1
    assert found["validation_seconds_count", frozenset({"http-01"})] == 1
    (issuer,) = world.node.desk.issuers
    assert found["certificates_total", frozenset({issuer.name, "default"})] == 1
    assert found["signing_seconds_count", frozenset({issuer.name})] == 1
    assert found["problems_total", frozenset({"invalidProfile"})] == 1
    assert (
        found["issuer_end_timestamp_seconds", frozenset({issuer.name, "true"})] == issuer.signer.not_after.timestamp()
    )
    assert found["own_certificate_end_timestamp_seconds", frozenset()] > world.clock.now().timestamp()
    assert found["validations_running", frozenset()] == found["validations_waiting", frozenset()] == 0
    assert found["database_bytes", frozenset()] > 100_000
    assert found["store_up", frozenset()] == 1


async def test_a_validation_that_fails_is_counted_with_its_problem(world: World, meters: PrometheusMeters) -> None:
    client = await world.registered()
    order = await client.new_order(parse_identifiers(["nowhere.example.test"]))
    (authorization,) = await client.authorizations(order)
    await client.answer(next(each for each in authorization.challenges if each.type == "http-01"))
    await world.clock.sleep(5)
    found = await seen(world, meters)
    assert found["validations_total", frozenset({"http-01", "default", "invalid"})] == 1


async def test_requests_are_counted_by_few_names_whatever_is_asked(world: World, meters: PrometheusMeters) -> None:
    for path in (
        "/acme/directory",
        "/acme/order/1",
        "/acme/nothing",
        "/../etc",
        "",
        "/wp-login.php",
        "/crl/a/whole.crl",
    ):
        meters.answered(Asked("GET", path), 200, 0.001, 10)
    found = await seen(world, meters)
    counted = {
        next(iter(labels - {"200"})): value for (name, labels), value in found.items() if name == "requests_total"
    }
    assert counted == {"directory": 1, "order": 1, "other": 4, "crl": 1}
    assert found["request_seconds_count", frozenset({"other"})] == 4


async def test_faults_in_the_log_are_counted_by_code(world: World, meters: PrometheusMeters) -> None:
    counter, log = meters.log_counter(), logging.getLogger("evercert.tests.metrics")
    log.addHandler(counter)
    log.error("the disk is full", extra={"code": "store"})
    log.error("something else")
    log.warning("nothing")
    log.removeHandler(counter)
    found = await seen(world, meters)
    counted = {labels: value for (name, labels), value in found.items() if name == "failures_total"}
    assert counted == {frozenset({"store"}): 1, frozenset({"internal"}): 1}


async def test_the_page_is_one_path_and_is_only_read(world: World, meters: PrometheusMeters) -> None:
    page = metrics_page(world.node, meters)
    assert (await page(Asked("GET", "/"))).status == 404
    assert (await page(Asked("POST", "/metrics"))).status == 405
    accept = (("accept", "application/openmetrics-text; version=1.0.0"),)
    answer = await page(Asked("GET", "/metrics", headers=accept))
    assert header(answer, "content-type").startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


async def test_a_store_that_fails_is_shown_and_the_rest_too(world: World, meters: PrometheusMeters) -> None:
    await world.node.desk.db.close()
    found = await seen(world, meters)
    assert found["store_up", frozenset()] == 0
    assert "issuer_end_timestamp_seconds" in {name for name, _ in found}


def test_counting_a_request_is_cheap(meters: PrometheusMeters) -> None:
    """Under 10 us, of which the histogram is most: a certificate costs six requests and some 7 ms."""
    asked, problem = Asked("POST", "/acme/new-order"), Problem(ProblemType.BAD_NONCE)
    began, rounds = time.process_time(), 20_000
    for _ in range(rounds):
        meters.answered(asked, 201, 0.004, 500)
    meters.refused(asked, problem)
    assert (time.process_time() - began) / rounds < 10e-6


@pytest.mark.parametrize("place", ["0.0.0.0:9180", "[::]:9180", "192.0.2.1:9180", "localhost:9180"])
def test_only_loopback_is_listened_on_unless_it_is_said(place: str) -> None:
    check_private("metrics", ["127.0.0.1:9180", "[::1]:9180"], allowed=False)
    check_private("metrics", [place], allowed=True)
    with pytest.raises(EvercertError, match=r"metrics\.listen"):
        check_private("metrics", [place], allowed=False)


async def test_every_figure_is_documented(world: World, meters: PrometheusMeters) -> None:
    page = (ROOT / "docs" / "ca-operating.md").read_text()
    ours = {each.name for each in meters.registry.collect() if each.name.startswith("evercert_ca_")}
    await seen(world, meters)
    ours |= {each.name for each in meters.registry.collect() if each.name.startswith("evercert_ca_")}
    assert [name for name in sorted(ours) if name.removeprefix("evercert_ca_") not in page] == []
