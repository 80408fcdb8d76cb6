"""A command ends with the one that is useful next, and that one exists, with all that it needs."""

import json
import shlex
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from portal import cli
from sandbox.demo.setup import STARTER

pytestmark = pytest.mark.sqlite
Run = Callable[..., int]
COMPANY = ("--company", "kedai")
ADMIN = (*COMPANY, "--as", "admin@kedai.example")


def next_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line that a command said, which is no part of its result."""
    told = capsys.readouterr()
    assert "next: clearpost" not in told.out.lower()
    assert told.err, told.out
    last = told.err.splitlines()[-1]
    assert last.startswith("Next: clearpost "), last
    return last.removeprefix("Next: clearpost ")


def known(line: str) -> None:
    """A command of that name takes these words, or the line has a placeholder where it has to."""
    for one in line.split(";"):
        words = shlex.split(one.replace("clearpost ", "").partition(", ")[0])
        found: click.Command = cli.commands
        while isinstance(found, click.Group):
            found = found.commands[words.pop(0)]
        numbers = {"NUMBER": "1", "FILE": __file__, "FOLDER": str(STARTER), "RECORDS": __file__}
        typed = [numbers.get(word, word) for word in words]
        found.make_context(found.name, typed)


def test_each_command_of_a_set_up_names_the_next(
    terminal: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def told(*words: str, code: int = 0) -> str:
        assert terminal(*words) == code, capsys.readouterr()
        line = next_of(capsys)
        known(line)
        return line

    assert told("migrate") == "doctor"
    line = told("company", "add", "kedai", "--name", "Kedai Contoh")
    assert line == "user add EMAIL --company kedai --role admin"
    for role, wanted in (
        ("admin", "connection add NAME --company kedai --as admin@kedai.example --side source"),
        ("consultant", "rules push FOLDER --company kedai --as consultant@kedai.example"),
        ("publisher", "user roles"),
    ):
        line = told("user", "add", f"{role}@kedai.example", *COMPANY, "--role", role)
        assert line == wanted
    by = "--company kedai --as admin@kedai.example"
    source = told("connection", "add", "netshop", *ADMIN, "--side", "source")
    assert source == f"connection key netshop {by}"
    target = ("connection", "add", "aiaccount", *ADMIN, "--side", "target")
    told(*target, "--set", "company_id=CMP-1042")
    line = told("connection", "pause", "aiaccount", *ADMIN, "--reason", "night")
    assert line == f"connection resume aiaccount {by}"
    assert told("connection", "resume", "aiaccount", *ADMIN) == f"doctor aiaccount {by}"
    pushed = ("rules", "push", str(STARTER), *COMPANY, "--as", "consultant@kedai.example")
    assert told(*pushed) == "publish 1 --company kedai --as EMAIL"
    published = ("publish", "1", *COMPANY, "--as", "publisher@kedai.example")
    assert told(*published) == "ingest FILE --company kedai --source NAME --check"
    head = told("verify", *COMPANY)
    assert head.startswith("verify --company kedai --head ")
    assert told(*shlex.split(head)) == head
    assert told("invariants", *COMPANY) == "verify --company kedai"
    assert told("replay", *COMPANY) == "verify --company kedai"
    assert told("prune", *COMPANY, "--dry-run") == "prune --company kedai"
    assert told("prune") == "invariants"
    copy = tmp_path / "copy.zip"
    assert told("backup", str(copy)).startswith(f"restore {copy}")


def test_each_command_of_rule_files_names_the_next(
    terminal: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shop, other = tmp_path / "shop", tmp_path / "other"

    def told(*words: str, code: int = 0) -> str:
        assert terminal(*words) == code, capsys.readouterr()
        line = next_of(capsys)
        known(line)
        return line

    assert told("init", str(shop)).startswith(f"check {shop};")
    shutil.copytree(shop, other)
    assert told("check", str(shop)) == f"test {shop}"
    assert told("test", str(shop)) == f"test {shop} --coverage"
    assert told("fmt", str(shop)) == f"check {shop}"
    file = other / "clearing.rules"
    file.write_text(file.read_text("utf-8").replace("    ", "      "), "utf-8")
    assert told("fmt", "--check", str(other), code=1) == f"fmt {other}"
    assert told("fmt", str(other)) == f"check {other}"


def test_a_result_for_programs_has_no_next(
    terminal: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("test", str(STARTER), "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["failed"] == 0
    assert "Next" not in told.err


def test_each_command_about_people_names_the_next(
    terminal: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> str:
        assert terminal(*words) == 0, capsys.readouterr()
        line = next_of(capsys)
        known(line)
        return line

    told("migrate")
    told("company", "add", "kedai", "--name", "Kedai Contoh")
    for role in ("admin", "approver"):
        told("user", "add", f"{role}@kedai.example", *COMPANY, "--role", role)
    told("user", "add", "away@kedai.example", *COMPANY, "--role", "approver")
    told("connection", "add", "netshop", *ADMIN, "--side", "source")
    assert told("company", "due", "kedai", "mapping_missing", "8") == "trace NUMBER --company kedai"
    assert told("user", "roles") == "user add EMAIL --company CODE --role ROLE"
    assert told("user", "password", "admin@kedai.example") == "user roles"
    limited = ("user", "sources", "approver@kedai.example", *COMPANY, "--source", "netshop")
    assert told(*limited) == "user roles"
    told("user", "sources", "approver@kedai.example", *COMPANY, "--all")
    made = (
        "token",
        "add",
        "admin@kedai.example",
        *COMPANY,
        "--name",
        "shop",
        "--scope",
        "record.read",
    )
    assert told(*made) == "token list --company kedai"
    assert told("token", "list", *COMPANY) == "token revoke NUMBER --company kedai"
    assert told("token", "revoke", "1", *COMPANY) == "token list --company kedai"
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    lent = ("--for", "away@kedai.example", "--until", until, "--reason", "leave")
    by = (*COMPANY, "--as", "away@kedai.example")
    assert told("deputy", "add", "approver@kedai.example", *lent, *by) == (
        "deputy list --company kedai"
    )
    line = "deputy end NUMBER --company kedai --as EMAIL"
    assert told("deputy", "list", *COMPANY) == line
    assert told("deputy", "end", "1", *by) == "deputy list --company kedai"
    gone = told("user", "remove", "away@kedai.example", *COMPANY)
    assert gone == "user add EMAIL --company kedai --role ROLE"


def test_each_command_that_looks_names_the_next(
    terminal: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def told(*words: str, code: int = 0) -> str:
        assert terminal(*words) == code, capsys.readouterr()
        line = next_of(capsys)
        known(line)
        return line

    told("migrate")
    told("company", "add", "kedai", "--name", "Kedai Contoh")
    told("user", "add", "admin@kedai.example", *COMPANY, "--role", "admin")
    told("connection", "add", "aiaccount", *ADMIN, "--side", "target", "--set", "company_id=CMP-1")
    asked = told("connection", "settings", "aiaccount")
    assert asked == "connection add aiaccount --company CODE --as EMAIL --side target"
    source = told("connection", "settings", "netshop")
    assert source == "connection add netshop --company CODE --as EMAIL --side source"
    by = "--company kedai --as admin@kedai.example"
    looked = told("connection", "preflight", "aiaccount", *ADMIN, code=1)
    assert looked == f"connection test aiaccount {by}"
    rates = told("connection", "rates", "aiaccount", *ADMIN)
    assert rates == f"connection preflight aiaccount {by}"
    empty = tmp_path / "ledger.jsonl"
    empty.write_text("", "utf-8")
    assert told("ledger", str(empty), *COMPANY) == "invariants --company kedai"
    assert told("faults", "list") == "invariants"
    assert told("kinds", "netshop") == "init FOLDER"
    assert told("explain", str(STARTER)) == f"test {STARTER} --coverage"
    assert told("explain", "--targets", "aiaccount") == "connection settings aiaccount"
