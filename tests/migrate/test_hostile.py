"""Whatever stands in the files of another client's folder, reading it ends, and in words of ours."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evercert.migrate.recognize import CLIENTS, read_client
from tests.migrate import trees


def grown(root: Path) -> dict[str, Path]:
    trees.certbot_account(root / "certbot")
    params = f"server = {trees.DIRECTORY}\nauthenticator = webroot\n[[webroot_map]]\na.test = /srv\n"
    trees.certbot_lineage(root / "certbot", "a.test", ("a.test",), params)
    trees.lego_account(root / "lego")
    trees.lego_certificate(root / "lego", "a.test")
    trees.acme_sh_home(root / "acme.sh")
    trees.acme_sh_certificate(root / "acme.sh", "a.test", "b.test", "/srv,dns_cf")
    return {client: root / client for client in CLIENTS}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return grown(tmp_path_factory.mktemp("clients"))


@pytest.mark.parametrize("client", CLIENTS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_any_file_may_hold_anything(client: str, folders: dict[str, Path], data: st.DataObject) -> None:
    files = sorted(path for path in folders[client].rglob("*") if path.is_file() and not path.is_symlink())
    path = data.draw(st.sampled_from(files))
    original = path.read_bytes()
    changed = data.draw(st.binary(max_size=200) | st.builds(_damaged, st.just(original), st.integers(0, 2**32)))
    path.write_bytes(changed)
    try:
        imported = read_client(folders[client], client)
    finally:
        path.write_bytes(original)
    assert all(remark.isprintable() and len(remark) < 500 for remark in imported.remarks)
    assert all(certificate.identifiers for certificate in imported.certificates)
    assert all(bool(certificate.key) == bool(certificate.chain) for certificate in imported.certificates)


def _damaged(original: bytes, seed: int) -> bytes:
    """A few bytes overwritten, a piece doubled or the end cut off."""
    rng = Random(seed)
    data = bytearray(original)
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    cut = rng.randrange(len(data))
    return bytes(rng.choice((data, data[:cut], data[:cut] + data)))


def test_folders_that_link_to_themselves_end(tmp_path: Path) -> None:
    for client, folder in grown(tmp_path).items():
        for place in ("accounts", "ca", "certificates", "live", "."):
            if (folder / place).is_dir():
                (folder / place / "again").symlink_to(folder)
        assert len(read_client(folder, client).certificates) == 1


@pytest.mark.parametrize(
    ("client", "file", "old", "new"),
    [
        ("lego", "certificates/a.test.json", "https://127.0.0.1:14000", "https://[half"),
        ("acme.sh", "a.test_ecc/a.test.conf", "https://", "https://[half"),
    ],
)
def test_a_url_that_is_none_costs_no_certificate(tmp_path: Path, client: str, file: str, old: str, new: str) -> None:
    folder = grown(tmp_path)[client]
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    assert len(read_client(folder, client).certificates) == 1


def test_json_that_is_too_deep_is_a_remark(tmp_path: Path) -> None:
    folder = grown(tmp_path)["certbot"]
    (key,) = folder.rglob("private_key.json")
    key.write_text('{"kty":' + "[" * 30_000 + "]" * 30_000 + "}")
    imported = read_client(folder, "certbot")
    assert (len(imported.certificates), len(imported.accounts)) == (1, 0)
    assert any("not the JSON" in remark for remark in imported.remarks)
