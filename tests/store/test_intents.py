"""Intents as text: what is not said is not written down, equal ones are equal text, and old ones became that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from hypothesis import given as of
from hypothesis import strategies as st

from evercert.base.names import Identifier
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Query
from evercert.model.intent import CertificateIntent, ChallengeRule, RenewPolicy, TargetSpec
from evercert.model.terms import CaChoice, Criticality, Terms
from evercert.pki.key_type import KeyType
from evercert.store import certificates, issuances
from evercert.store.columns import to_text
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import NOW

# Words that stand in an intent anyway, and what could be taken for the text around them.
_WORDS = st.sampled_from(
    [
        *("", "*", "default", "www", "ü", '","profile":"","profile_required":false', '},"label":""}', "\\", "}", "{}"),
        *(field for kind in (CertificateIntent, ChallengeRule, TargetSpec) for field in kind.__struct_fields__),
    ]
)
_OPTIONS = st.dictionaries(_WORDS, _WORDS, max_size=5)
_IDENTIFIERS = st.lists(st.builds(Identifier, st.just("dns"), _WORDS), max_size=2).map(tuple)
_RULES = st.builds(ChallengeRule, _WORDS, _WORDS, _OPTIONS, _WORDS)
_TARGETS = st.builds(TargetSpec, _WORDS, _OPTIONS, _WORDS)
_TERMS = st.builds(
    Terms,
    owner=_WORDS,
    tags=st.lists(_WORDS, max_size=2).map(tuple),
    criticality=st.sampled_from(Criticality),
    further_cas=st.lists(st.builds(CaChoice, _WORDS, _WORDS), max_size=2).map(tuple),
    installed_as=_OPTIONS,
    members=st.dictionaries(_WORDS, st.lists(_WORDS, min_size=1, max_size=2).map(tuple), max_size=3),
)
INTENTS = st.builds(
    CertificateIntent,
    _WORDS,
    _IDENTIFIERS,
    _WORDS,
    account=_WORDS,
    key_type=st.sampled_from(KeyType),
    reuse_key=st.booleans(),
    profile=_WORDS,
    profile_required=st.booleans(),
    preferred_chain=_WORDS,
    lifetime=st.sampled_from([0, 1, 3600, 10_000_000]),
    must_staple=st.booleans(),
    csr=st.sampled_from([b"", b"csr"]),
    challenges=st.lists(_RULES, max_size=2).map(tuple),
    targets=st.lists(_TARGETS, max_size=2).map(tuple),
    renew=st.builds(RenewPolicy, st.sampled_from([None, 0.5]), st.booleans()),
    terms=_TERMS,
)


def in_full(intent: CertificateIntent) -> str:
    """As it was stored until 0007: every field, said or not; of its terms those that are said."""
    return msgspec.json.encode(_parts(intent)).decode()


def _parts(value: object) -> object:
    if isinstance(value, Terms):
        return msgspec.Raw(to_text(value).encode())
    if isinstance(value, msgspec.Struct):
        return {field: _parts(getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_parts(each) for each in value]
    return dict(sorted(value.items())) if isinstance(value, dict) else value


def test_what_is_not_said_is_not_written_down_and_means_the_same_for_ever() -> None:
    text = to_text(
        CertificateIntent("www", (), "ca", challenges=(ChallengeRule("a", "b"),), targets=(TargetSpec("c"),))
    )
    assert text == (
        '{"name":"www","identifiers":[],"ca":"ca","account":"default","challenges":[{"type":"a","solver":"b","match":"*"}]'
        ',"targets":[{"plugin":"c"}],"renew":{},"terms":{}}'
    )
    assert in_full(msgspec.json.decode(text, type=CertificateIntent)) == (
        '{"name":"www","identifiers":[],"ca":"ca","account":"default","key_type":"ec256","reuse_key":false,"profile":"",'
        '"profile_required":false,"preferred_chain":"","lifetime":0,"must_staple":false,"csr":"","challenges":[{"type":"a",'
        '"solver":"b","options":{},"match":"*"}],"targets":[{"plugin":"c","options":{},"label":""}],'
        '"renew":{"fraction":null,"use_ari":true},"terms":{}}'
    )


@of(INTENTS)
def test_equal_intents_are_equal_text_wherever_they_come_from(intent: CertificateIntent) -> None:
    for text in (to_text(intent), in_full(intent)):
        read = msgspec.json.decode(text, type=CertificateIntent)
        assert read == intent
        assert to_text(read) == to_text(intent)


@of(st.lists(INTENTS, max_size=40))
def test_text_in_full_becomes_what_is_written_now(intents: list[CertificateIntent]) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE certificates (intent TEXT)")
        db.executemany("INSERT INTO certificates VALUES (?)", [(in_full(intent),) for intent in intents])
        db.executescript(next(each.sql for each in MIGRATIONS if each.name.endswith("smaller")))
        assert [text for (text,) in db.execute("SELECT intent FROM certificates")] == [
            to_text(each) for each in intents
        ]


async def test_a_certificate_of_a_store_from_before_is_asked_for_as_it_was_wanted(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    before = MIGRATIONS[: next(n for n, each in enumerate(MIGRATIONS) if each.name.endswith("smaller"))]
    place, wanted = new_place(before), given.intent()
    written = Query("written", "UPDATE certificates SET intent = :intent")
    async with open_database(place, before) as db:
        await given.declared(db)
        await db.write(written(intent=in_full(wanted)))
    async with open_store(place) as db:
        assert await certificates.declare(db, wanted, NOW) == "unchanged"
        account = await given.account(db)
        begun = await issuances.begin(db, "www", account.id, None, b"csr", now=NOW, intent=wanted)
        assert begun.certificate == "www"
