"""The command line: what it lists, how it ends, and what it says when it cannot."""

import errno
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy.exc import OperationalError

from holding.platform.settings import Settings
from portal import cli
from portal.terminal.command_frame import Stop
from portal.terminal.processes import Children, Portal, require_free_port, start_worker
from sandbox.demo.command import lock_home

Run = Callable[..., int]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(terminal: Run) -> Run:
    """Run the command line in this process, with a home of its own; its exit code."""
    return terminal


def test_help_lists_the_commands(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    told = capsys.readouterr().out
    for word in ("up", "portal", "worker", "migrate", "doctor", "demo", "simulate", "company"):
        assert f"\n  {word} " in told
    for word in ("user", "rules", "publish", "ingest", "trace", "bench", "check", "fmt", "test"):
        assert f"\n  {word} " in told


def test_the_list_cuts_no_explanation_off(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--help")
    _, _, listed = capsys.readouterr().out.partition("Commands:")
    cut = [line for line in listed.splitlines() if line.endswith("...")]
    assert cut == []


def test_every_command_explains_itself() -> None:
    silent = [name for name, command in cli.commands.commands.items() if not command.help]
    assert silent == []


def test_the_version_is_one_word(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("version") == 0
    assert capsys.readouterr().out.count(".") == 2


def test_a_company_that_is_not_there_is_answered_with_those_that_are(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("migrate")
    push = ("rules", "push", str(ROOT / "portal/starters/netshop-aiaccount"), "--as", "a@b.my")
    assert run(*push, "--company", "kedia") == 1
    assert "hint: clearpost company add CODE --name NAME" in capsys.readouterr().err
    for code in ("kedai", "depot"):
        assert run("company", "add", code, "--name", code.title()) == 0
    capsys.readouterr()
    assert run(*push, "--company", "kedia") == 1
    told = capsys.readouterr().err
    assert "error: No company has the code kedia." in told
    assert "hint: The companies are depot and kedai." in told


def test_a_folder_without_a_database_is_told_with_that_of_the_demo(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    push = ("rules", "push", str(ROOT / "portal/starters/netshop-aiaccount"), "--as", "a@b.my")
    for _ in range(2):  # looking once leaves an empty file
        assert run(*push, "--company", "kedai") == 3
        told = capsys.readouterr().err
        assert f"There is no database of Clearpost in {home}." in told
        assert "Set CLEARPOST_HOME to its folder, or run `clearpost migrate`" in told
        assert "demo" not in told
    (home / "demo").mkdir()
    (home / "demo" / "clearpost.sqlite3").write_bytes(b"there")
    assert run(*push, "--company", "kedai") == 3
    assert f"That of the demo is read with CLEARPOST_HOME={home}/demo." in capsys.readouterr().err


def test_a_wrong_word_is_usage(run: Run) -> None:
    assert run("no-such-command") == 2
    assert run("company", "add") == 2


@pytest.mark.parametrize("words", [("--help",), ("check", "portal/starters/netshop-aiaccount")])
def test_what_needs_no_database_loads_none(words: tuple[str, ...]) -> None:
    ask = "import atexit, sys; from portal.cli import main; sys.argv[0] = 'clearpost'; "
    ask += "atexit.register(lambda: print('loaded', *sys.modules)); main()"
    done = subprocess.run(
        [sys.executable, "-c", ask, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.rpartition("loaded ")[2].split())
    assert "portal.cli" in loaded
    assert loaded.isdisjoint({"sqlalchemy", "flask", "pygls", "rich", "redis"})


def test_a_schema_that_is_missing_is_the_environment(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("company", "add", "kedai", "--name", "Kedai") == 3
    assert "clearpost migrate" in capsys.readouterr().err


def test_a_setting_without_sense_is_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLEARPOST_LEASE_SECONDS", "soon")
    assert run("migrate") == 3
    assert "CLEARPOST_LEASE_SECONDS" in capsys.readouterr().err


def test_a_fault_of_ours_is_internal(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli.commands.commands["version"], "callback", broken)
    assert run("version") == 4
    assert "internal error in Clearpost" in capsys.readouterr().err


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full")),
    ],
)
def test_a_full_disk_is_the_environment(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Exception,
) -> None:
    def broken() -> None:
        raise fault

    monkeypatch.setattr(cli.commands.commands["version"], "callback", broken)
    assert run("version") == 3
    told = capsys.readouterr().err
    assert "disk" in told
    assert "Traceback" not in told


def test_ctrl_c_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.commands.commands["version"], "callback", interrupted)
    assert run("version") == 130


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Stop) as stop:
            require_free_port("127.0.0.1", port)
    assert stop.value.code == 3
    assert str(port) in stop.value.message
    assert "--port" in stop.value.hint


def test_companies_and_people(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate") == 0
    assert run("company", "add", "kedai", "--name", "Kedai Contoh") == 0
    assert run("company", "add", "kedai", "--name", "Kedai Contoh") == 1
    assert run("company", "add", "Not a code", "--name", "Kedai Contoh") == 1
    capsys.readouterr()

    given = ("user", "add", "a@kedai.example", "--company", "kedai")
    assert run(*given, "--role", "admin") == 0
    assert "Password, shown only now: " in capsys.readouterr().out
    assert run(*given, "--role", "viewer", "--role", "finance", "--team", "accounts") == 0
    assert "Password" not in capsys.readouterr().out
    assert run(*given, "--role", "emperor") == 1
    assert run("user", "add", "b@kedai.example", "--company", "other", "--role", "admin") == 1


def test_connections_need_the_right_person(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    run("company", "add", "kedai", "--name", "Kedai Contoh")
    run("user", "add", "admin@kedai.example", "--company", "kedai", "--role", "admin")
    run("user", "add", "viewer@kedai.example", "--company", "kedai", "--role", "viewer")
    add = ("connection", "add", "netshop", "--company", "kedai", "--side", "source", "--as")
    assert run(*add, "viewer@kedai.example") == 1
    assert run(*add, "nobody@kedai.example") == 1
    assert run(*add, "admin@kedai.example") == 0
    assert run(*add, "admin@kedai.example") == 1
    assert "already" in capsys.readouterr().err


@pytest.mark.slow
def test_a_doctor_looks_at_everything(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor") == 3
    run("migrate")
    capsys.readouterr()
    run("doctor", "--json")
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert {"python", "grammar", "portal", "home", "key", "database", "redis"} <= set(found)
    assert found["database"]["ok"]


def test_fault_points_are_listed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("faults", "list") == 0
    assert "push.after_intent" in capsys.readouterr().out.split()


@pytest.mark.parametrize("words", [("migrate",), ("up",), ("doctor",), ("portal",)])
@pytest.mark.parametrize("url", ["postgresql+psycopg://postgres@127.0.0.1:1/none", "nosuch://x"])
def test_a_database_out_of_reach_is_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert run(*words) == 3


def test_a_home_that_cannot_be_made_is_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLEARPOST_HOME", str(tmp_path / "file" / "home"))
    assert run("migrate") == 3
    assert run("portal") == 3


def test_a_schema_that_is_none_is_usage(run: Run) -> None:
    assert run("migrate") == 0
    assert run("migrate", "--to", "nosuch") == 2


def test_a_portal_whose_key_is_not_given_is_the_environment(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("migrate") == 0
    monkeypatch.setenv("CLEARPOST_KEY_FILE", str(tmp_path / "nowhere.key"))
    assert run("portal", "--port", "0") == 3
    assert "Traceback" not in capsys.readouterr().err


def test_one_sample_shop_a_home(tmp_path: Path) -> None:
    with lock_home(tmp_path / "demo"):
        with (
            pytest.raises(Stop, match="already running in") as second,
            lock_home(tmp_path / "demo"),
        ):
            pass
        assert second.value.code == 3
    with lock_home(tmp_path / "demo"):
        pass


def test_the_worker_knows_where_the_pages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_PORT", "8000")
    monkeypatch.delenv("CLEARPOST_URL", raising=False)
    roots: list[str] = []
    children = Children()
    monkeypatch.setattr(
        children, "start", lambda *words: roots.append(Settings.from_env().page_root)
    )
    monkeypatch.setattr(children, "keep", lambda module: None)
    start_worker(children, cast(Portal, SimpleNamespace(port=8123)))
    assert roots == ["http://127.0.0.1:8123"]
