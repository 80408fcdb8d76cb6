"""Setting a company up from the command line: rules in force, files read, stories told."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.transport.http import MachineClock
from holding.db.database import open_database
from holding.db.models import Evaluation
from holding.evaluation.evaluate_due import judge_due
from sandbox.demo.generator import encode_body, generate_month, stall_sheet
from sandbox.demo.setup import STARTER
from tests.support.databases import unlock

Run = Callable[..., int]
COMPANY = ("--company", "kedai")
AUTHOR, PUBLISHER = "consultant@kedai.example", "publisher@kedai.example"


@pytest.fixture
def run(terminal: Run) -> Run:
    """A company with people and a source; then commands in this process, with their exit code."""
    assert terminal("migrate") == 0
    assert terminal("company", "add", "kedai", "--name", "Kedai Contoh") == 0
    for role in ("consultant", "publisher", "admin", "viewer"):
        assert terminal("user", "add", f"{role}@kedai.example", *COMPANY, "--role", role) == 0
    add = ("connection", "add", *COMPANY, "--as", "admin@kedai.example")
    assert terminal(*add, "netshop", "--side", "source") == 0
    assert terminal(*add, "aiaccount", "--side", "target", "--set", "company_id=CMP-1042") == 0
    return terminal


@pytest.mark.slow
def test_a_setting_is_changed_by_an_admin(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    change = ("connection", "set", "aiaccount", *COMPANY, "--set", "base_url=https://a.example")
    assert run(*change, "--as", PUBLISHER) == 1
    assert run(*change, "--as", "admin@kedai.example") == 0
    told, beside = capsys.readouterr()
    assert "aiaccount: base_url changed." in told
    assert "Next: clearpost connection test aiaccount" in beside
    assert run(*change, "--as", "admin@kedai.example") == 0
    assert "aiaccount: nothing changed." in capsys.readouterr().out


def test_rules_are_published_by_another_person(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    push = ("rules", "push", str(STARTER), *COMPANY, "--as")
    assert run(*push, PUBLISHER) == 1, "a publisher drafts no rules"
    assert run(*push, AUTHOR) == 0
    assert run("publish", "1", *COMPANY, "--as", AUTHOR) == 1
    capsys.readouterr()
    assert run("publish", "1", *COMPANY, "--as", PUBLISHER) == 0
    assert "Rule version 1" in capsys.readouterr().out
    assert run("publish", "7", *COMPANY, "--as", PUBLISHER) == 1


def test_rules_in_force_are_written_into_a_folder_and_pushed_again(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rules"
    pull = ("rules", "pull", str(folder), *COMPANY)
    assert run(*pull) == 1
    assert "has no rules." in capsys.readouterr().err
    assert run("rules", "push", str(STARTER), *COMPANY, "--as", AUTHOR) == 0
    assert run("publish", "1", *COMPANY, "--as", PUBLISHER) == 0
    assert run(*pull, "--version", "9") == 1
    assert not folder.exists()
    capsys.readouterr()
    assert run(*pull) == 0
    written = {one.relative_to(folder): one.read_bytes() for one in folder.rglob("*.*")}
    assert written == {
        one.relative_to(STARTER): one.read_bytes()
        for one in STARTER.rglob("*.*")
        if one.suffix in (".rules", ".csv")
    }
    assert f"{len(written)} files of rule version 1." in capsys.readouterr().out
    assert run(*pull) == 2, "what is written there is not overwritten"
    assert run("rules", "push", str(folder), *COMPANY, "--as", AUTHOR) == 0


def test_T02a_rules_that_round_otherwise_than_the_connection_are_refused_by_every_command(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(STARTER, folder)
    push = ("rules", "push", str(folder), *COMPANY, "--as", AUTHOR)
    rounds = ("connection", "set", "aiaccount", *COMPANY, "--as", "admin@kedai.example", "--set")
    assert run("check", str(folder)) == 0
    assert run(*push) == 0
    assert run(*rounds, "rounding_mode=sum_then_round") == 0
    capsys.readouterr()
    for command in (push, ("publish", "1", *COMPANY, "--as", PUBLISHER)):
        assert run(*command) == 1
        said = " ".join("".join(capsys.readouterr()).split())
        assert "aiaccount rounds per line then sum, and the connection aiaccount rounds sum" in said
        assert "Write rounding sum then round to 0.01" in said
    assert run(*rounds, "rounding_mode=per_line") == 0
    assert run("publish", "1", *COMPANY, "--as", PUBLISHER) == 0
    assert run(*rounds, "rounding_mode=sum_then_round") == 1
    assert "The rules in force say that aiaccount rounds per line" in "".join(capsys.readouterr())


def test_rules_with_mistakes_are_shown_and_not_stored(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(STARTER, folder)
    text = (folder / "clearing.rules").read_text("utf-8")
    (folder / "clearing.rules").write_text(text.replace("for accounts", "for nobody"), "utf-8")
    assert run("rules", "push", str(folder), *COMPANY, "--as", AUTHOR) == 1
    assert "nobody" in capsys.readouterr().out
    assert run("publish", "1", *COMPANY, "--as", PUBLISHER) == 1


def test_rules_that_fail_their_tests_are_not_stored(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(STARTER, folder)
    text = (folder / "clearing.rules").read_text("utf-8")
    (folder / "clearing.rules").write_text(text.replace("= 3000.00", "= 9000.00"), "utf-8")
    assert run("rules", "push", str(folder), *COMPANY, "--as", AUTHOR) == 1
    assert "a second person approves" in capsys.readouterr().out


@pytest.mark.slow
def test_a_file_and_a_webhook_body_make_the_same_records(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = generate_month(date(2026, 11, 20))
    sheet, body = tmp_path / "stall.csv", tmp_path / "stall.json"
    sheet.write_bytes(stall_sheet(of.workbook))
    orders = [order.wire() for order in of.workbook]
    body.write_text(json.dumps({"event": "orders.collected", "orders": orders}), "utf-8")
    words = (*COMPANY, "--source", "netshop")
    assert run("ingest", str(sheet), *words, "--check") == 0
    assert "24 records can be read; nothing was stored" in capsys.readouterr().out
    assert run("ingest", str(sheet), *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["new_records"] == 24
    assert run("ingest", str(body), *words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["new_records"], told["new_versions"], told["unchanged"]) == (0, 0, 24)


def test_set_fills_blank_cells_of_a_sheet_and_stops_at_any_other_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, body = tmp_path / "stall.csv", tmp_path / "netshop.json"
    sheet.write_text("Order No,Status,Date\nS-1,,2026-11-20\nS-2,new,2026-11-20\n", "utf-8")
    words = (*COMPANY, "--source", "netshop", "--set", "status=paid")
    assert run("ingest", str(sheet), *words, "--check") == 0
    assert "status is set to paid in 1 blank cell." in capsys.readouterr().out
    assert run("ingest", str(sheet), *words, "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["new_records"] == 2
    assert "status is set to paid in 1 blank cell." in told.err
    body.write_text(json.dumps({"event": "orders.collected", "orders": []}), "utf-8")
    assert run("ingest", str(body), *words) == 1
    assert "takes no values" in capsys.readouterr().err


def test_a_file_with_mistakes_stores_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = generate_month(date(2026, 11, 20))
    sheet = tmp_path / "stall.csv"
    text = stall_sheet(of.workbook).decode()
    sheet.write_text(text.replace(",PCS,", ",PCS,many", 1), "utf-8")
    words = ("ingest", str(sheet), *COMPANY, "--source", "netshop")
    assert run(*words, "--check") == 0
    told = capsys.readouterr().out
    assert "is held: This is not a number." in told
    assert "24 records can be read, 1 of them would be held; nothing was stored." in told
    heading, _, rows = text.partition("\n")
    sheet.write_text(f"{heading.strip()},Colour\n{rows}", "utf-8")
    assert run(*words) == 1
    told = capsys.readouterr()
    assert "orders!" in told.out
    assert "1 place is wrong, so nothing was stored" in told.err
    assert run("ingest", str(tmp_path), *COMPANY, "--source", "netshop") == 2
    notes = tmp_path / "notes.txt"
    notes.write_text("hello")
    assert run("ingest", str(notes), *COMPANY, "--source", "netshop") == 1
    assert run("ingest", str(sheet), *COMPANY, "--source", "nobody") == 1


def test_one_value_is_set_for_all_rows_of_a_sheet(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "hand.csv"
    sheet.write_text("Order No,Item,Qty,Unit price,Total\nH-1,TEA,1,5.00,5.00\n", "utf-8")
    words = ("ingest", str(sheet), *COMPANY, "--source", "netshop", "--check")
    assert run(*words) == 1
    assert "missing columns: status" in capsys.readouterr().err
    assert run(*words, "--set", "status=paid", "--set", "currency=MYR") == 0
    told = capsys.readouterr().out
    assert "1 record can be read; nothing was stored." in told
    assert "currency" not in told.partition("The rules also need")[2]
    assert run(*words, "--set", "status=paid", "--set", "colour=red") == 1
    assert "No value can be set for colour." in capsys.readouterr().err
    assert run(*words, "--set", "status") == 2


def test_T27_a_long_comparison_with_a_ledger_is_cut_and_says_by_how_much(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"effect": "created", "company": "CMP-1042", "party": "Aisyah"}
    lost = [told | {"number": f"IV-{no}", "key": "cp-1"} for no in range(23)]
    strange = [told | {"number": f"X-{no}", "key": "till"} for no in range(21)]
    file = tmp_path / "ledger"
    file.write_text("".join(json.dumps(line) + "\n" for line in (*lost, *strange)))
    capsys.readouterr()
    assert run("ledger", str(file), *COMPANY) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "lost 23, doubled 0, not ours 21"
    assert lines[21:23] == [
        "  and 3 more: --all shows them",
        "  X-0 of Aisyah: sent by another program, with the key till",
    ]
    assert (len(lines), lines[-1]) == (43, "  and 1 more: --all shows them")
    assert run("ledger", str(file), *COMPANY, "--all") == 1
    assert len(capsys.readouterr().out.splitlines()) == 45
    file.write_text("".join(json.dumps(line) + "\n" for line in strange[:1]))
    assert run("ledger", str(file), *COMPANY, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"lost": 0, "doubled": 0, "strange": 1}


def test_a_record_is_found_by_its_number(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery = generate_month(date(2026, 11, 20)).first[3]
    body = tmp_path / "orders.json"
    body.write_bytes(encode_body(delivery))
    assert run("ingest", str(body), *COMPANY, "--source", "netshop") == 0
    capsys.readouterr()
    assert run("trace", delivery.orders[0].number, *COMPANY, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "received"
    assert [each["no"] for each in told["documents"][0]["answers"]] == [1, 2, 3, 4, 5, 6, 7]
    assert run("trace", "NS-0", *COMPANY) == 1
    assert run("replay", *COMPANY) == 0


@pytest.mark.slow
def test_replay_names_the_evaluations_whose_hash_differs(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rules", "push", str(STARTER), *COMPANY, "--as", AUTHOR) == 0
    assert run("publish", "1", *COMPANY, "--as", PUBLISHER) == 0
    body = tmp_path / "orders.json"
    body.write_bytes(encode_body(generate_month(date(2026, 11, 20)).first[3]))
    assert run("ingest", str(body), *COMPANY, "--source", "netshop") == 0
    database = open_database(f"sqlite:///{tmp_path / 'home' / 'clearpost.sqlite3'}")
    while judge_due(database, MachineClock(), company_id=1, owner="test").count:
        pass
    with database.write() as session:
        unlock(session)
        judged = session.scalars(select(Evaluation).order_by(Evaluation.id)).all()
        assert len(judged) >= 3
        judged[0].hash = "0" * 64
    capsys.readouterr()
    assert run("replay", *COMPANY, "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["replayed"], answer["different"]) == (len(judged), [judged[0].id])


@pytest.mark.slow
def test_a_company_is_not_live_and_takes_people_of_another(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("company", "add", "dua", "--name", "Dua", "--like", "nowhere") == 1
    assert run("company", "add", "dua", "--name", "Dua", "--like", "kedai") == 0
    assert "Copied: 4 people, 0 recipients of notices." in capsys.readouterr().out
    with sqlite3.connect(tmp_path / "home" / "clearpost.sqlite3") as database:
        live = database.execute("SELECT code, live FROM company ORDER BY id").fetchall()
        roles = database.execute(
            "SELECT role FROM membership WHERE company_id = 2 ORDER BY role"
        ).fetchall()
    assert live == [("kedai", 0), ("dua", 0)]
    assert roles == [("admin",), ("consultant",), ("publisher",), ("viewer",)]
