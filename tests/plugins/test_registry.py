"""Finding plugins by name, and checking their options."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.config.references import resolve
from evercert.plugins import registry
from evercert.plugins.info import Field, PluginInfo, PluginKind
from tests.fakes.stranger import installed_package

INFO = PluginInfo(
    "acme-box",
    PluginKind.DNS,
    "a box",
    (
        Field("server", "where it is", required=True),
        Field("key", "its key", required=True, secret=True),
        Field("second_key", "another", secret=True),
        Field("ttl", "seconds", default="60"),
    ),
)


def options(values: dict[str, str], **environ: str):  # type: ignore[no-untyped-def]
    return registry.options(INFO, values, lambda reference: resolve(reference, environ))


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[None]:
    """A provider of somebody else's, one that breaks, and one that is none."""
    provider = (
        "from evercert.plugins.info import PluginInfo, PluginKind\n"
        "class Good:\n    info = PluginInfo('their-box', PluginKind.DNS, 'theirs')\n"
        "class Wrong:\n    pass\n"
    )
    entry_points = (
        "[evercert.dns]\ntheir-box = their_dns:Good\nwrong = their_dns:Wrong\n"
        "broken = their_breakage:Thing\ncloudflare = their_dns:Good\n"
    )
    modules = {"their_dns": provider, "their_breakage": "raise RuntimeError('no')\n"}
    with installed_package(tmp_path, modules, entry_points):
        yield


def test_a_strangers_provider_is_found_beside_ours(stranger: None) -> None:
    assert "their-box" in registry.names(PluginKind.DNS)
    assert registry.load(PluginKind.DNS, "their-box").info.summary == "theirs"


def test_a_stranger_cannot_take_the_name_of_a_built_in(stranger: None) -> None:
    assert registry.load(PluginKind.DNS, "cloudflare").__module__ == "evercert.solve.dns.cloudflare"


@pytest.mark.parametrize(
    ("name", "words"), [("wrong", "is not a DNS provider"), ("broken", "cannot be loaded: RuntimeError")]
)
def test_a_strangers_plugin_that_is_none_is_told_with_where_it_comes_from(
    stranger: None, name: str, words: str
) -> None:
    with pytest.raises(EvercertError, match=words):
        registry.load(PluginKind.DNS, name)


def test_an_unknown_name_is_told_with_what_was_meant() -> None:
    with pytest.raises(EvercertError) as caught:
        registry.load(PluginKind.DNS, "powerdsn")
    assert caught.value.code.name == "not-found"
    assert "'powerdns'" in caught.value.hint
    with pytest.raises(EvercertError) as caught:
        registry.load(PluginKind.DEPLOY, "zzz")
    assert "nginx" in caught.value.hint


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    import subprocess

    program = (
        "import sys; from evercert.plugins import registry; from evercert.plugins.info import PluginKind;"
        "registry.names(PluginKind.DNS); import evercert.solve.solvers;"
        "heavy = 'boto3', 'lexicon', 'dns', 'evercert.solve.dns.route53';"
        "print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert ended.stdout.strip() == "[]", ended.stderr


def test_every_built_in_plugin_can_be_loaded() -> None:
    assert set(registry.dns_providers()) >= {"cloudflare", "rfc2136"}
    assert set(registry.deploy_targets()) >= {"nginx", "apache", "haproxy", "files", "exec"}


def test_values_defaults_and_secrets_are_told_apart() -> None:
    checked = options({"server": "box", "second_key": "env:OTHER"}, EVERCERT_ACME_BOX_KEY="k", OTHER="o")
    assert (checked["server"], checked["ttl"], checked.number("ttl")) == ("box", "60", 60)
    assert (checked.secret("key").text(), checked.secret("second_key").text()) == ("k", "o")
    assert "k" not in checked.values.values()
    with pytest.raises(KeyError):
        checked["key"]


@pytest.mark.parametrize(
    ("values", "environ", "words", "hint"),
    [
        ({"server": "box"}, {}, "needs its key", "EVERCERT_ACME_BOX_KEY"),
        ({}, {"EVERCERT_ACME_BOX_KEY": "k"}, "needs its server", "-o acme-box.server=..."),
        ({"server": "box", "sevrer": "x"}, {}, "no field 'sevrer'", "'server'"),
        ({"server": "box", "key": "hunter2"}, {}, "key: a secret is given by reference", "env:NAME"),
        ({"server": "box", "key": "env:GONE"}, {}, "key: the variable 'GONE' is not set", ""),
    ],
)
def test_options_that_are_wrong_say_what_to_write(
    values: dict[str, str], environ: dict[str, str], words: str, hint: str
) -> None:
    with pytest.raises(EvercertError, match=words) as caught:
        options(values, **environ)
    assert hint in caught.value.hint
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
