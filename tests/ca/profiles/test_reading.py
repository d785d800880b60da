"""Profiles as they are written: every field is read, and every fault is said with its key and what was meant."""

from __future__ import annotations

import tomllib
from datetime import timedelta

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.profiles.reading import FIELDS, profiles_from
from evercert.pki.key_type import KeyType

WHOLE = """
[profiles.web]
description = "for web servers"
life = "90d"
max_life = "100d"
choose_dates = false
backdate = "30m"
postdate = "0s"
key_types = ["ec256", "mldsa65"]
ekus = ["serverAuth", "1.3.6.1.4.1.32473.1"]
key_encipherment = true
names = ["dns", "uri", "email"]
max_names = 3
max_labels = 5
wildcard_labels = 1
allow = [".corp.test", "10.0.0.0/8", "spiffe://corp.test/ns/"]
deny = ["secret.corp.test"]
uri = "spiffe://corp.test/host/{name}"
common_name = "first"
organization = "Corp"
organizational_unit = "Web"
country = "DE"
aia = false
crl = false
ocsp = true
must_staple = false
policies = ["1.3.6.1.4.1.32473.2"]
challenges = ["http-01"]
order_life = "1h"
pending_authorization_life = "30m"
authorization_reuse = "0s"
eab_required = true
eab_authorizes = false
caa = "strict"
issuer = "second"
lint = ["pkix", "serverauth"]
"""


def read(text: str) -> dict[str, Profile]:
    return dict(profiles_from(tomllib.loads(text)["profiles"], "ca.toml"))


def faults(text: str) -> str:
    with pytest.raises(EvercertError) as caught:
        read(text)
    assert caught.value.code.name == "bad-input"
    return caught.value.message


def one(key_and_value: str) -> str:
    return faults(f"[profiles.web]\n{key_and_value}\n")


def test_every_field_is_read_and_is_what_was_written() -> None:
    profile = read(WHOLE)["web"]
    written = tomllib.loads(WHOLE)["profiles"]["web"]
    assert written.keys() == FIELDS.keys()
    for name, value in written.items():
        shown = getattr(profile, name)
        if isinstance(shown, timedelta):
            continue
        assert msgspec.to_builtins(shown) == (tuple(value) if isinstance(value, list) else value), name
    assert profile.life == timedelta(days=90)
    assert profile.max_life == timedelta(days=100)
    assert profile.backdate == timedelta(minutes=30)
    assert profile.key_types == (KeyType.EC256, KeyType.MLDSA65)


def test_no_field_has_the_same_value_in_the_whole_example_as_by_default_but_for_its_life() -> None:
    """So that a field which is not read is seen."""
    profile, empty = read(WHOLE)["web"], Profile(name="web")
    assert [name for name in FIELDS if getattr(profile, name) == getattr(empty, name)] == ["life", "ocsp"]


def test_without_any_the_built_in_ones_are_offered_and_with_one_only_those() -> None:
    assert profiles_from({}, "ca.toml") == BUILT_IN
    assert read("[profiles.web]").keys() == {"web"}


def test_a_profile_may_begin_with_a_built_in_ones_fields() -> None:
    profile = read('[profiles.web]\nlike = "mtls"\nmax_names = 5')["web"]
    assert profile == msgspec.structs.replace(BUILT_IN["mtls"], name="web", description="", max_names=5)


def test_a_life_may_be_a_part_of_its_issuers() -> None:
    assert read("[profiles.web]\nlife = 0.25")["web"].life == 0.25
    assert read("[profiles.web]\nlife = 1")["web"].life == 1.0


@pytest.mark.parametrize("profile", BUILT_IN.values(), ids=BUILT_IN)
def test_the_built_in_profiles_can_be_written(profile: Profile) -> None:
    assert read(f'[profiles.{profile.name}]\nlike = "{profile.name}"\ndescription = "{profile.description}"') == {
        profile.name: profile
    }


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('lifes = "90d"', "web.lifes: there is no such key; did you mean life?"),
        ("zzzz = 1", "web.zzzz: there is no such key; there are aia"),
        ('name = "x"', "web.name: there is no such key"),
        ('like = "defualt"', "web.like: there is no such profile; did you mean default?"),
        ("like = 1", "web.like: there is no such profile"),
        ('life = "90"', "web.life: a length is written"),
        ('life = "90x"', "web.life: a length is written"),
        ('life = "-1d"', "web.life: a length is written"),
        ('life = "999999999w"', "no longer than a century"),
        ("life = 0", "web.life: a life is"),
        ("life = 1.5", "web.life: a life is"),
        ("life = nan", "web.life: a life is"),
        ("life = true", "web.life: a life is"),
        ('life = "0s"', "web.life: a certificate lives"),
        ("life = []", "web.life: a life is"),
        ('max_life = "1d"', "web.max_life: it is shorter than life"),
        ("backdate = 3600", "web.backdate: a length is written"),
        ('key_types = ["ec265"]', "'ec265' is none of ec256"),
        ('key_types = ["ec265"]', "did you mean ec256?"),
        ("key_types = []", "web.key_types: expected `array` of length >= 1"),
        ('key_types = "ec256"', "web.key_types: expected `array`, got `str`"),
        ('ekus = ["ServerAuth"]', "did you mean serverAuth?"),
        ('ekus = ["ocspSigning"]', "web.ekus: ocspSigning is not for whoever proves to own a name"),
        ('ekus = ["1.3.6.1.5.5.7.3.9"]', "is not for whoever proves"),
        ('ekus = ["2.5.29.37.0"]', "is not for whoever proves"),
        ('ekus = ["9.1"]', "is no usage"),
        ("ekus = 1", "web.ekus: expected `array`, got `int`"),
        ('names = ["dsn"]', "did you mean dns?"),
        ('names = ["uri"]', "web.names: a uri is taken only where allow has its begin"),
        ("max_names = 0", "web.max_names: expected `int` >= 1"),
        ("max_names = 1001", "web.max_names: expected `int` <= 1000"),
        ("max_names = true", "web.max_names: expected `int`, got `bool`"),
        ('allow = ["a b"]', "web.allow: 'a b' is no entry of a list of names"),
        ('deny = ["10.0.0.1/8"]', "web.deny: '10.0.0.1/8' is no entry"),
        ("allow = [1]", "web.allow: expected `str`, got `int`"),
        ('uri = "spiffe://{nam}/x"', "web.uri: 'spiffe://{nam}/x' is no URI"),
        ('uri = "corp.test/{name}"', "is no URI"),
        ('common_name = "frist"', "'frist' is none of first, none; did you mean first?"),
        ('country = "Germany"', "web.country"),
        (f'organization = "{"x" * 65}"', "web.organization: expected `str` of length <= 64"),
        ('policies = ["x"]', "web.policies: 'x' is no dotted OID"),
        ('challenges = ["http01"]', "did you mean http-01?"),
        ("challenges = []", "web.challenges: without one, only an external account"),
        ('order_life = "0s"', "web.order_life: an order and a proof take time"),
        ('caa = "strikt"', "did you mean strict?"),
        ('lint = ["zlint"]', "'zlint' is none of pkix, serverauth"),
        ("crl = 1", "web.crl: expected `bool`, got `int`"),
    ],
)
def test_a_fault_is_said_with_its_key_and_what_was_meant(written: str, said: str) -> None:
    message = one(written)
    assert message.startswith("ca.toml: profiles.web.")
    assert said in message


def test_all_faults_are_said_at_once() -> None:
    message = faults('[profiles.a]\nlief = 1\ncrl = 1\n[profiles.b]\nlife = "x"')
    assert message.count("ca.toml: profiles.") == 3


def test_more_than_ten_faults_are_counted() -> None:
    assert faults("[profiles.web]\n" + "\n".join(f"k{each} = 1" for each in range(15))).endswith("; and 5 more")


@pytest.mark.parametrize("name", ["Web", "-web", '"a b"', f'"{"x" * 65}"', '"ä"'])
def test_a_profiles_name_is_plain(name: str) -> None:
    assert "a profile's name is of lower-case letters" in faults(f"[profiles.{name}]")


def test_a_profile_is_a_table() -> None:
    assert "it is not a table" in faults("[profiles]\nweb = 1")


def test_there_are_no_more_than_a_hundred_profiles() -> None:
    assert "no more than 100" in faults("\n".join(f"[profiles.p{each}]" for each in range(101)))
