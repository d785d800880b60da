from __future__ import annotations

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.deploy.generations import Access, Generations, check_bundle, folder_name
from evercert.host.files import FileLock, Owner
from tests.fakes.bundles import Issuer

WWW = "www.example.test"


def deployed(root: Path, issuer: Issuer, count: int = 1) -> Generations:
    generations = Generations(root, WWW)
    for _ in range(count):
        bundle = issuer.bundle(WWW)
        generations.stage(bundle, issuer.now)
        generations.swap(bundle)
        generations.settle()
    return generations


def test_the_layout_is_certbots_and_the_key_is_private(tmp_path: Path, issuer: Issuer) -> None:
    generations, bundle = Generations(tmp_path, WWW), issuer.bundle(WWW)
    generations.stage(bundle, issuer.now)
    assert not generations.live.exists()
    generations.swap(bundle)
    live = tmp_path / "live" / WWW
    assert (live / "cert.pem").read_text() == bundle.leaf_pem
    assert (live / "chain.pem").read_text() == bundle.chain_pem
    assert (live / "fullchain.pem").read_text() == bundle.leaf_pem + bundle.chain_pem
    assert bundle.private_key is not None
    assert (live / "privkey.pem").read_bytes() == bundle.private_key.reveal()
    assert (live / "combined.pem").read_text() == bundle.fullchain_pem + bundle.private_key.text()
    for name in ("privkey.pem", "combined.pem"):
        assert stat.S_IMODE((live / name).stat().st_mode) == 0o600
    for folder in (live, tmp_path / "live", tmp_path / "generations" / WWW):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_group_may_read_the_key_where_the_user_says_so(tmp_path: Path, issuer: Issuer) -> None:
    bundle = issuer.bundle(WWW)
    generations = Generations(tmp_path, WWW, Access(Owner(group=12345), 0o640))
    generations.stage(bundle, issuer.now)
    generations.swap(bundle)
    key, folder = (generations.live / "privkey.pem").stat(), generations.live.stat()
    assert (stat.S_IMODE(key.st_mode), key.st_gid) == (0o640, 12345)
    assert (stat.S_IMODE(folder.st_mode), folder.st_gid) == (0o750, 12345)


def test_staging_again_makes_no_second_generation(tmp_path: Path, issuer: Issuer) -> None:
    generations, bundle = Generations(tmp_path, WWW), issuer.bundle(WWW)
    assert generations.stage(bundle, issuer.now) == generations.stage(bundle, issuer.now)
    generations.swap(bundle)
    generations.swap(bundle)


def test_a_roll_back_returns_to_what_was_settled_and_not_to_what_was_only_swapped(
    tmp_path: Path, issuer: Issuer
) -> None:
    generations = deployed(tmp_path, issuer)
    settled = generations.current()
    for bundle in (issuer.bundle(WWW), issuer.bundle(WWW)):
        generations.stage(bundle, issuer.now)
        generations.swap(bundle)
    assert generations.current() != settled
    Generations(tmp_path, WWW).roll_back()
    assert generations.current() == settled


def test_a_roll_back_of_the_first_leaves_nothing_in_use(tmp_path: Path, issuer: Issuer) -> None:
    generations, bundle = Generations(tmp_path, WWW), issuer.bundle(WWW)
    generations.stage(bundle, issuer.now)
    generations.swap(bundle)
    generations.roll_back()
    generations.roll_back()
    assert not generations.live.is_symlink()
    Generations(tmp_path / "never", WWW).roll_back()


def test_only_the_last_few_keys_are_kept(tmp_path: Path, issuer: Issuer) -> None:
    generations = deployed(tmp_path, issuer, 6)
    kept = sorted(each.name for each in (tmp_path / "generations" / WWW).iterdir())
    assert kept == ["4", "5", "6", "settled"]
    assert generations.current() == tmp_path / "generations" / WWW / "6"


def test_a_newer_certificate_is_never_replaced_by_an_older_one(tmp_path: Path, issuer: Issuer) -> None:
    generations = deployed(tmp_path, issuer, 2)
    with pytest.raises(EvercertError, match="a newer certificate is installed already"):
        generations.stage(issuer.bundle(WWW, number=1), issuer.now)


def test_who_stood_still_after_staging_replaces_nothing_newer(tmp_path: Path, issuer: Issuer) -> None:
    generations = Generations(tmp_path, WWW)
    older, newer = issuer.bundle(WWW), issuer.bundle(WWW)
    generations.stage(older, issuer.now)
    generations.stage(newer, issuer.now)
    generations.swap(newer)
    generations.settle()
    with pytest.raises(EvercertError, match="a newer certificate is installed already"):
        generations.swap(older)
    generations.roll_back()
    assert (generations.live / "cert.pem").read_text() == newer.leaf_pem


def test_who_stood_still_after_swapping_rolls_nothing_newer_back(tmp_path: Path, issuer: Issuer) -> None:
    generations = deployed(tmp_path, issuer)
    older, newer = issuer.bundle(WWW), issuer.bundle(WWW)
    for bundle in (older, newer):
        generations.stage(bundle, issuer.now)
        generations.swap(bundle)
    generations.roll_back(older)
    assert (generations.live / "cert.pem").read_text() == newer.leaf_pem
    generations.roll_back(newer)
    assert (generations.live / "cert.pem").read_text() not in {older.leaf_pem, newer.leaf_pem}


def test_two_processes_never_change_the_generations_at_once(tmp_path: Path, issuer: Issuer) -> None:
    generations, bundle = deployed(tmp_path, issuer), issuer.bundle(WWW)
    before, done = generations.current(), []

    def deploy() -> None:
        other = Generations(tmp_path, WWW)
        other.stage(bundle, issuer.now)
        other.swap(bundle)
        done.append(other.current())

    with FileLock(tmp_path / "generations" / WWW):
        thread = Thread(target=deploy)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert generations.current() == before
    thread.join(20)
    assert done == [tmp_path / "generations" / WWW / "2"]


def test_a_store_that_was_made_anew_numbers_from_one_and_still_deploys(tmp_path: Path, issuer: Issuer) -> None:
    generations = deployed(tmp_path, issuer, 2)
    renewed = issuer.bundle(WWW, number=1, later=timedelta(minutes=5))
    generations.stage(renewed, issuer.now)
    generations.swap(renewed)
    assert (generations.live / "cert.pem").read_text() == renewed.leaf_pem


def test_an_unfinished_generation_is_removed_and_never_used(tmp_path: Path, issuer: Issuer) -> None:
    generations = deployed(tmp_path, issuer)
    unfinished = tmp_path / "generations" / WWW / "2"
    unfinished.mkdir()
    (unfinished / "privkey.pem").write_text("half")
    bundle = issuer.bundle(WWW)
    with pytest.raises(EvercertError, match="was not staged"):
        generations.swap(bundle)
    assert (generations.stage(bundle, issuer.now) / "privkey.pem").read_text() != "half"


def test_a_key_that_is_elsewhere_is_no_fault(tmp_path: Path, issuer: Issuer) -> None:
    folder = Generations(tmp_path, WWW).stage(replace(issuer.bundle(WWW), private_key=None), issuer.now)
    assert sorted(each.name for each in folder.iterdir()) == ["about.json", "cert.pem", "chain.pem", "fullchain.pem"]


def test_what_does_not_belong_together_is_refused(tmp_path: Path, issuer: Issuer) -> None:
    bundle, other = issuer.bundle(WWW), issuer.bundle("other.example.test")
    wrong = (
        replace(bundle, private_key=other.private_key),
        replace(bundle, identifiers=other.identifiers),
        replace(bundle, chain_pem=Issuer("another").bundle(WWW).chain_pem),
        issuer.bundle(WWW, later=timedelta(days=-30)),
        issuer.bundle(WWW, later=timedelta(days=30)),
    )
    for each in wrong:
        with pytest.raises(EvercertError) as refused:
            Generations(tmp_path, WWW).stage(each, issuer.now)
        assert refused.value.code.name == "bad-certificate"
    assert list(tmp_path.iterdir()) == []
    check_bundle(bundle, issuer.now)


@given(st.text(max_size=300))
def test_no_name_leaves_its_folder(name: str) -> None:
    folder = folder_name(name)
    assert Path("/root", folder).resolve().parent == Path("/root")
    assert folder[0] not in ".-"
    assert len(folder) <= 201


def test_a_wildcard_has_a_folder_of_its_own() -> None:
    assert folder_name("*.example.test") == "_.example.test"
    assert folder_name("2001:db8::1") == "2001_db8__1"
    assert folder_name("merged:www.example.test") == "merged_www.example.test"


@pytest.mark.parametrize(
    "name", ["www", "my_cert", "a.b_c-0123456789abcdef0", "web-0123456789abcdef", "_acme", "10.0.0.1"]
)
def test_a_usual_name_is_its_folders(name: str) -> None:
    assert folder_name(name) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("müll", "möll"),
        ("日本", "漢字"),
        ("a/b", "a_b"),
        ("", "_"),
        (".x", "_.x"),
        ("*.x", "_.x"),
        ("2001:db8::1", "2001_db8__1"),
        ("::1", "__1"),
        ("::ffff:10.0.0.1", "__ffff_10.0.0.1"),
        ("host:8443", "host_8443"),
        ("merged:www", "merged_www"),
        ("merged:a:2", "merged:a_2"),
        ("*.a:b", "*.a_b"),
        ("日本", folder_name("日本")),
        ("/.x", folder_name("/.x").replace("_", "*", 1)),
    ],
)
def test_no_two_names_have_one_folder(one: str, other: str) -> None:
    assert folder_name(one) != folder_name(other)
    assert folder_name("n" * 250 + one) != folder_name("n" * 250 + other)


@given(st.sets(st.text("*._:-/a1", min_size=1, max_size=6), min_size=2))
def test_of_many_names_each_has_a_folder_of_its_own(names: set[str]) -> None:
    assert len({*map(folder_name, names)}) == len(names)
