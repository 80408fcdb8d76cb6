"""Secrets at rest: made once, closed to others, readable for one row only."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holding.access.actors import Keys, load_keys
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

ONE = b"xm8fkfMblGLs0jjZ2_83qvXBKHDaMFI66nUU9dxoe0A="
TWO = b"Q0YyV3N5bWJvbHNPbmx5Rm9yVGVzdHNOb3RTZWNyZXQ="


def settings(home: Path, **more: str) -> Settings:
    return Settings.from_env({"CLEARPOST_HOME": str(home), **more})


def loaded(found: Keys | Refusal) -> Keys:
    assert isinstance(found, Keys), found
    return found


def test_the_key_is_made_once_and_closed(tmp_path: Path) -> None:
    first = loaded(load_keys(settings(tmp_path)))
    assert loaded(load_keys(settings(tmp_path))) == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert "Keys(1)" in repr(first)


def test_two_processes_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    found: list[Keys | Refusal] = []
    starts = [
        threading.Thread(target=lambda: found.append(load_keys(settings(tmp_path))))
        for _ in range(8)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert len({loaded(one).lines for one in found}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_beside_a_shared_database_no_key_is_made(tmp_path: Path) -> None:
    found = load_keys(settings(tmp_path, DATABASE_URL="postgresql+psycopg://db/clearpost"))
    assert isinstance(found, Refusal)
    assert found.code == "secret.no_key"
    assert not (tmp_path / "secret.key").exists()


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (ONE, 0o640, "secret.open_key"),
        (b"\n", 0o600, "secret.bad_key"),
        (b"x", 0o600, "secret.bad_key"),
    ],
)
def test_a_key_file_that_cannot_be_used(
    tmp_path: Path, content: bytes, mode: int, code: str
) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    os.chmod(path, mode)
    found = load_keys(settings(tmp_path))
    assert isinstance(found, Refusal)
    assert found.code == code


@pytest.mark.slow
@given(text=st.text(min_size=1, max_size=60), row=st.text(max_size=20))
def test_only_its_own_row_reads_it(text: str, row: str) -> None:
    keys = Keys((ONE,))
    cipher = keys.encrypt(text, row=row)
    assert keys.decrypt(cipher, row=row) == text
    moved = keys.decrypt(cipher, row=row + "x")
    assert isinstance(moved, Refusal)
    assert moved.code == "secret.moved"
    assert text not in cipher or len(text) < 4


def test_an_older_key_still_reads_and_a_strange_one_does_not() -> None:
    cipher = Keys((ONE,)).encrypt("s3cret-key", row="1:2:3")
    assert Keys((TWO, ONE)).decrypt(cipher, row="1:2:3") == "s3cret-key"
    found = Keys((TWO,)).decrypt(cipher, row="1:2:3")
    assert isinstance(found, Refusal)
    assert found.code == "secret.unreadable"


def test_keys_for_other_purposes_differ_and_outlive_a_rotation() -> None:
    assert Keys((ONE,)).derive("session") == Keys((TWO, ONE)).derive("session")
    assert Keys((ONE,)).derive("session") != Keys((ONE,)).derive("csrf")
