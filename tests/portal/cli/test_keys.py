"""`clearpost key`: make the key file, and replace its key."""

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "etc" / "clearpost.key"
    monkeypatch.setenv("CLEARPOST_KEY_FILE", str(file))
    return file


def test_a_key_file_is_made_once_and_its_key_replaced(
    terminal: Run, capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    assert terminal("migrate") == 0
    assert terminal("key", "rotate") == 1, "there is no key to replace"
    assert not path.exists()
    assert terminal("key", "new") == 0
    first = path.read_bytes()
    assert terminal("key", "new") == 1
    assert path.read_bytes() == first
    assert terminal("key", "rotate") == 0
    second = path.read_bytes()
    assert (len(second.splitlines()), first == second) == (1, False)
    told = capsys.readouterr()
    assert first.decode().strip() not in told.out + told.err
    assert second.decode().strip() not in told.out + told.err
