from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.host.files import make_private_dir, read_bounded, remove_durably, swap_link, write_durably


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_written_file_is_private_and_alone(tmp_path: Path) -> None:
    write_durably(tmp_path / "key.pem", b"one")
    write_durably(tmp_path / "key.pem", b"two")
    assert (tmp_path / "key.pem").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["key.pem"]


def test_a_mode_is_kept_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_durably(tmp_path / "cert.pem", b"public", 0o644)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "cert.pem").stat().st_mode) == 0o644


def test_a_write_replaces_a_link_and_leaves_its_target(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("precious")
    write_durably(tmp_path / "link", b"new")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "link").is_symlink()


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_durably(tmp_path / "taken", b"data")
    assert names_in(tmp_path) == ["taken"]


def test_a_pipe_or_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/evercert-test")):
        with pytest.raises(EvercertError, match="is no file") as caught:
            write_durably(path, b"data")
        assert caught.value.code.name == "bad-input"
    assert names_in(tmp_path) == ["link", "pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    assert (tmp_path / "link").is_symlink()


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from evercert.host import files\n"
        "path, descriptor = files._create_beside(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = tmp_path / "a*b.pem"
    killed = subprocess.run([sys.executable, "-c", script, str(path)], timeout=30)
    assert killed.returncode == -signal.SIGKILL
    assert len(names_in(tmp_path)) == 1
    write_durably(path, b"whole")
    assert names_in(tmp_path) == ["a*b.pem"]


def test_a_writer_that_is_alive_is_left_alone(tmp_path: Path) -> None:
    from evercert.host import files

    unfinished, descriptor = files._create_beside(tmp_path / "key.pem")
    write_durably(tmp_path / "key.pem", b"whole")
    assert unfinished.exists()
    os.close(descriptor)


def test_a_link_is_swapped_without_a_gap_and_never_over_a_file(tmp_path: Path) -> None:
    swap_link(tmp_path / "live", "one")
    swap_link(tmp_path / "live", "two")
    assert (tmp_path / "live").readlink() == Path("two")
    assert names_in(tmp_path) == ["live"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        swap_link(tmp_path / "file", "one")


def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", b"")
    remove_durably(tmp_path / "file")
    remove_durably(tmp_path / "file")
    assert names_in(tmp_path) == []


def test_private_folders_are_private_all_the_way(tmp_path: Path) -> None:
    make_private_dir(tmp_path / "a" / "b")
    make_private_dir(tmp_path / "a" / "b")
    assert {stat.S_IMODE((tmp_path / part).stat().st_mode) for part in ("a", "a/b")} == {0o700}


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(EvercertError, match="another user"):
        make_private_dir(tmp_path / "theirs")


def test_a_folder_that_all_may_write_to_is_left_as_it_is(tmp_path: Path) -> None:
    """As /tmp is: made private, it would be lost to everybody else on the machine."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    with pytest.raises(EvercertError, match="others may write") as caught:
        make_private_dir(tmp_path / "shared")
    assert caught.value.hint
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o1777


def test_reading_is_bounded_and_never_waits_for_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    assert read_bounded(tmp_path / "file", 5) == b"12345"
    with pytest.raises(EvercertError, match="more than 4 bytes"):
        read_bounded(tmp_path / "file", 4)
    with pytest.raises(EvercertError, match="not a file"):
        read_bounded(tmp_path / "pipe", 5)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "nothing", 5)
