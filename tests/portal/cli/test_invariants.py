"""`clearpost invariants` from the command line: its exit codes and its words."""

import json
from pathlib import Path

import pytest

from connectors.transport.strict_json import POINTS
from holding.platform.settings import Settings
from tests.portal.cli.test_frame import Run, run

__all__ = ["run"]


@pytest.mark.slow
def test_healthy_books_and_files_that_are_no_ledger(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("migrate")
    run("company", "add", "kedai", "--name", "Kedai Contoh")
    capsys.readouterr()
    assert run("invariants") == 0
    assert capsys.readouterr().out == "kedai: 15 invariants, 0 breaches\n"
    assert run("invariants", "--company", "kedai", "--json") == 0
    found = json.loads(capsys.readouterr().out)["kedai"]
    assert (len(found["checked"]), found["breaches"]) == (15, [])
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("no ledger\n")
    assert run("invariants", "--ledger", str(wrong)) == 2
    assert run("invariants", "--company", "nobody") == 1
    noted = Settings.from_env().home / "anchors.jsonl"
    line = {"at": "2026-11-20T01:00:00Z", "company": "kedai", "seq": 90, "hash": "f" * 64}
    noted.write_text(json.dumps(line) + "\n")
    capsys.readouterr()
    assert run("invariants") == 1
    assert "its end was cut off" in capsys.readouterr().out
    assert run("verify", "--company", "kedai", "--json") == 1
    assert json.loads(capsys.readouterr().out)["noted"] == 90
    copy = tmp_path / "copy.jsonl"
    copy.write_text("")
    assert run("verify", "--company", "kedai", "--anchors", str(copy)) == 0
    noted.write_text("torn")
    assert run("verify", "--company", "kedai") == 1
    assert "The noted heads are damaged: line 1" in capsys.readouterr().err


def test_a_strange_document_is_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("migrate")
    run("company", "add", "kedai", "--name", "Kedai Contoh")
    run("user", "add", "admin@example.test", "--company", "kedai", "--role", "admin")
    given = ("--set", "company_id=CMP-1", "--set", "base_url=https://ai.example.test")
    who = ("--company", "kedai", "--as", "admin@example.test", "--side", "target")
    assert run("connection", "add", "aiaccount", *who, *given) == 0
    ledger = tmp_path / "ledger.jsonl"
    line = {"effect": "created", "company": "CMP-1", "number": "IV-7", "key": "cp-7"}
    ledger.write_text(json.dumps(line) + "\n")
    capsys.readouterr()
    assert run("invariants", "--ledger", str(ledger)) == 1
    told = capsys.readouterr().out
    assert "I3 is broken. It says: What stands in the target was meant." in told
    assert "IV-7 stands in the target and we never meant to send it." in told


def test_fault_points_have_words(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("faults", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == POINTS
