"""`backtest` on files: what is counted and told, which files are read, how it ends."""

import gzip
import json
import os
import re
import shutil
import signal
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from holding.db.models.postings import POSTING_STATES
from holding.programs.known_schemas import schemas
from portal.backtest import parallel_run, record_files
from portal.backtest.command import _load_rules
from portal.backtest.parallel_run import (
    Judge,
    Plan,
    Progress,
    RecordLine,
    RecordReader,
    State,
    WorldLine,
)
from rules.comparison.two_sides import Bad, Past
from rules.facts import Facts
from tests.portal.rule_tools.test_cli_files import ORDER, STARTER, run

ROUTE = "aiaccount.sales_invoice"
NOW = "2026-11-19T02:00:00Z"
MOMENT = datetime(2026, 11, 19, 2, tzinfo=UTC)
LINES = RecordReader({"order": "netshop"}, MOMENT)


def line(number: int, total: str = "37.50", state: str = "", **changes: Any) -> dict[str, Any]:
    """A clean order of one cup at this price."""
    cup = {**ORDER["lines"][0], "sku": "CUP-GLASS-20", "qty": "1", "price": total}  # type: ignore[index]
    body = {**ORDER, "number": f"NS-{number}", "customer": "C-101", "subtotal": total}
    body |= {"total": total, "lines": [cup], "created_by": "Mei Ling", **changes}
    states = {"states": {ROUTE: state}} if state else {}
    return {"now": NOW, "facts": {"first_seen": NOW}, **states, "body": body}


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    rows = [row if isinstance(row, str) else json.dumps(row) for row in lines]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules whose approval limit is RM 100, and which post half-delivered orders."""
    folder = tmp_path_factory.mktemp("draft")
    shutil.copytree(STARTER, folder, dirs_exist_ok=True)
    file = folder / "clearing.rules"
    text = file.read_text("utf-8").replace("2024-08-01 = 3000.00", "2024-08-01 = 100.00", 1)
    text = text.replace("wait     pending, partly_", "wait     pending\n    ready    partly_", 1)
    file.write_text(text, "utf-8")
    return folder


@pytest.fixture
def month(tmp_path: Path) -> Path:
    return write(
        tmp_path / "month.jsonl",
        line(1, state="posted"),
        line(2, "150.00", state="posted"),
        line(3, "2500.00", state="posted"),
        "",
        line(4, "80.00", state="waiting", status="partly_delivered"),
        '{"body": {"number": "NS-5"',
        line(6, "9000.00", state="held"),
        line(7, state="postd"),
    )


def test_was_and_would_be_with_place_and_reason(draft: Path, month: Path) -> None:
    result = run("backtest", STARTER, draft, month)
    assert result.return_value == 1
    told = " ".join(result.stdout.split())
    assert "5 records checked by both: 2 come to the same, 3 would come to something else." in told
    assert "* posted ready to approve 2 RM 2,650.00" in told
    assert "* waiting waiting ready 1 RM 80.00" in told
    assert "held to approve to approve 1 RM 9,000.00" in told
    assert "Posted, and would have been stopped: 2 records, RM 2,650.00" in told
    number = _line_of(draft / "clearing.rules", "approve order for aiaccount")
    assert f"{draft}/clearing.rules:{number} approve by accounts: Approval needed" in told
    assert "Not posted, and would newly be posted: 1 record, RM 80.00" in told
    waits = _line_of(STARTER / "clearing.rules", "    wait     pending")
    assert f"{STARTER}/clearing.rules:{waits} gate: waits while status is partly_delivered" in told
    assert f"{month}:6: Input data was truncated" in told
    assert f"{month}:8: Invalid enum value 'postd' - at `$.states[...]`" in told
    assert "total_adds: 0 of 5 (order)" in told
    assert "5 records, 100%" in result.stderr


def test_what_the_target_could_never_take_would_have_been_stopped(tmp_path: Path) -> None:
    longer = tmp_path / "longer"
    shutil.copytree(STARTER, longer)
    file = longer / "posting.rules"
    text = file.read_text("utf-8").replace('as "{number}"', f'as "{{number}}-{"X" * 60}"', 1)
    file.write_text(text, "utf-8")
    records = write(tmp_path / "r.jsonl", line(1, state="posted"))
    found = json.loads(run("backtest", STARTER, longer, records, "--json").stdout)
    assert (found["records"], found["changed"]) == (1, 1)
    told = " ".join(run("backtest", STARTER, longer, records).stdout.split())
    assert "* posted ready held 1 RM 37.50" in told
    assert "target_limits: NS-1-" in told
    assert "has 65 characters, aiaccount takes 50" in told


def test_json_says_the_same(draft: Path, month: Path) -> None:
    found = json.loads(run("backtest", STARTER, draft, month, "--json").stdout)
    assert (found["records"], found["same"], found["changed"], found["bad"]) == (5, 2, 3, 2)
    assert found["complete"] is True
    stopped = found["stopped"]
    assert (stopped["records"], stopped["amounts"][0]["amount"]) == (2, "2650.00")
    first = stopped["examples"][0]
    assert (first["number"], first["line"], first["rule"]) == ("NS-2", 2, "approve by accounts")
    assert found["freed"]["records"] == 1
    assert sum(cell["records"] for cell in found["cells"]) == 5
    assert [one["line"] for one in found["complaints"]] == [6, 8]


def test_the_same_rules_change_nothing(month: Path, tmp_path: Path) -> None:
    clean = write(tmp_path / "clean.jsonl", line(1, state="posted"))
    assert run("backtest", STARTER, STARTER, clean).return_value == 0
    nothing = write(tmp_path / "unknown.jsonl", line(1))
    assert "No line says what was posted" in run("backtest", STARTER, STARTER, nothing).stdout


def test_lists_compressed_files_and_folders_are_read(draft: Path, month: Path) -> None:
    folder = month.parent / "history"
    folder.mkdir()
    rows = [line(n, "150.00", "posted") for n in range(1, 4)]
    (folder / "a.json").write_text(json.dumps(rows, indent=2), "utf-8-sig")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(rows[0]).encode()))
    (folder / "notes.txt").write_text("not read")
    found = json.loads(run("backtest", STARTER, draft, folder, "--json").stdout)
    assert (found["records"], found["bad"]) == (4, 0)
    assert found["stopped"]["amounts"][0]["amount"] == "600.00"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.txt", b"", "is no record file"),
        ("x.json", b'{"body": {}}', "is no list of records"),
        ("x.jsonl.gz", b"{}", "cannot be read"),
        ("x.jsonl.gz", gzip.compress(b"{}" * 99, mtime=0)[:-9], "cannot be read"),
        ("empty", None, "holds no record file"),
    ],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    result = run("backtest", STARTER, STARTER, path)
    assert words in str(result.exception)
    assert getattr(result.exception, "code", None) == 2


@pytest.mark.slow
def test_several_processes_count_the_same(
    draft: Path, month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [json.dumps(line(n, "150.00", "posted")) for n in range(11, 21)]
    month.write_text(month.read_text("utf-8") + "\n".join(rows), "utf-8")
    alone = run("backtest", STARTER, draft, month, "--json", "--processes", "1").stdout
    monkeypatch.setattr(parallel_run, "SINGLE_PROCESS_BYTES", 0)
    monkeypatch.setattr(record_files, "BLOCK", 700)
    together = run("backtest", STARTER, draft, month, "--json", "--processes", "2").stdout
    assert json.loads(together) == json.loads(alone)
    stopped = json.loads(together)["stopped"]
    assert stopped["records"] == 12
    assert [one["line"] for one in stopped["examples"]] == [2, 3, 9, 10, 11]


def test_an_interrupt_ends_it_with_what_was_counted(
    draft: Path, month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "BLOCK", 700)
    plan = Plan(_load_rules(STARTER), _load_rules(draft), schemas(), None, MOMENT)
    seen: list[Progress] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal

    def progress(now: Progress) -> None:
        seen.append(now)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    try:
        ran = parallel_run.run(
            Judge(plan), record_files.RecordFiles.at(month), processes=1, progress=progress
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert not ran.complete
    assert 0 < seen[0].records < seen[1].records == ran.tally.records < 5
    assert 0 < seen[0].share < ran.share < 1


def test_an_interrupted_run_says_so(
    draft: Path, month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("portal.backtest.command._ProgressReport.progress", stop)
    result = run("backtest", STARTER, draft, month)
    assert result.return_value == 130
    assert result.stdout.startswith("Stopped early, after about 100% of the files. So far:")


def test_a_process_that_is_ended_from_outside_is_told(
    draft: Path, month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(parallel_run, "run", killed)
    result = run("backtest", STARTER, draft, month)
    assert "ended from outside" in str(result.exception)
    assert getattr(result.exception, "code", None) == 3


def read(text: bytes) -> Past | Bad:
    (found,) = LINES.read(text, "x.jsonl", 7)
    return found


def test_a_line_is_read_exactly() -> None:
    facts = Facts(
        MOMENT,
        history={"number": ("NS-1",)},
        releases=frozenset({(ROUTE, "total_adds")}),
        billed={ROUTE: {"1": 2}},  # type: ignore[dict-item]
    ).to_json()
    text = {"body": {"total": 1, "lines": []}, "facts": facts, "version": 3, "known": ["a"]}
    raw = json.dumps(text).replace('"total": 1', '"total": 0.10, "rate": 1e2')
    found = read(raw.encode())
    assert isinstance(found, Past)
    assert found.subject.body == {"total": "0.10", "rate": "100", "lines": []}
    assert (found.subject.kind, found.subject.source, found.subject.version) == (
        "order",
        "netshop",
        3,
    )
    assert found.facts == Facts.from_json(facts)
    assert (found.now, found.known, found.where) == (MOMENT, ("a",), ("x.jsonl", 7))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[]", "Expected `object`, got `array`"),
        (b'{"body": 1}', "Expected `object`, got `int` - at `$.body`"),
        (b'{"bdy": {}}', "unknown field `bdy`"),
        (b'{"body": {}, "facts": {"first_sen": 1}}', "unknown field `first_sen`"),
        (b'{"body": {}, "now": "2026-11-19"}', "Invalid RFC3339"),
        (b'{"body": {}, "now": "2026-11-19T02:00:00"}', "with a timezone"),
        (b'{"body": {"total": 1e99999999}}', "too long"),
        (b'{"body": {"total": NaN}}', "malformed"),
        (b'{"body": {"name": "\xff"}}', "not UTF-8"),
        (b'{"body": {"name": ' + b"[" * 99_999, "nested too deeply"),
    ],
)
def test_a_line_that_is_none_says_why(text: bytes, words: str) -> None:
    found = read(text)
    assert isinstance(found, Bad)
    assert words in found.message
    assert found.where == ("x.jsonl", 7)


def test_a_line_without_a_kind_where_there_are_several() -> None:
    (found,) = RecordReader({"order": "shop", "refund": "shop"}, MOMENT).read(
        b'{"body":{}}', "x", 1
    )
    assert found == Bad(("x", 1), 'it says no "kind", and the rules check order, refund')


def test_the_states_are_those_of_a_posting() -> None:
    assert set(get_args(State)) == set(POSTING_STATES)


def test_the_stored_world_is_the_one_of_its_revision(draft: Path, tmp_path: Path) -> None:
    rows = [line(n, customer="C-900") | {"revision": n} for n in (2, 3, 2, 5)]
    shut = line(6) | {"revision": 4, "known": ["aiaccount"]}
    unknown = line(7) | {"revision": 4, "known": []}
    records = write(tmp_path / "records.jsonl", *rows, shut, unknown)
    targets = {"aiaccount": {"known": True, "locked_through": None, "codes": {}}}
    write(
        tmp_path / "worlds.jsonl",
        {"revision": 2, "maps": {"debtor": {"C-900": [7, "Nine"]}}, "targets": targets},
        {"revision": 3, "maps": {"debtor": {"C-900": None}}},
        {"revision": 4, "targets": {"aiaccount": {"known": True, "locked_through": "2026-12-31"}}},
    )
    found = json.loads(run("backtest", STARTER, STARTER, records, "--json").stdout)
    assert {cell["was"]: cell["records"] for cell in found["cells"]} == {"ready": 2, "held": 3}
    assert found["complaints"] == [
        {
            "file": str(records),
            "line": 4,
            "message": "revision 5 stands in no worlds.jsonl beside it",
        }
    ]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The documentation, and the folders that its example speaks of."""
    monkeypatch.chdir(tmp_path)
    for name in ("rules", "draft"):
        shutil.copytree(STARTER, tmp_path / name)
    file = tmp_path / "draft" / "clearing.rules"
    text = file.read_text("utf-8").replace("2024-08-01 = 3000.00", "2024-08-01 = 1000.00", 1)
    text = text.replace("wait     pending, partly_", "wait     pending\n    ready    partly_", 1)
    file.write_text(text, "utf-8")
    return (STARTER.parents[2] / "docs" / "rules" / "backtest.md").read_text("utf-8")


def test_the_example_of_the_documentation_says_what_it_says(page: str) -> None:
    Path("orders.jsonl").write_text(_block(page, "jsonl"), "utf-8")
    said = run("backtest", "rules", "draft", "orders.jsonl").stdout
    start, end = said.index("\nNever fires"), said.index("\n1 line could not")
    assert said[:start] + said[end:] == _block(page, "text")


def test_the_documentation_names_every_field(page: str) -> None:
    lines, facts = page.split("The fields of `facts`")
    told = re.findall(r"^\| `(\w+)` \|", lines, re.MULTILINE)
    assert sorted(told) == sorted(RecordLine.__struct_fields__)
    told = re.findall(r"^\| `(\w+)` \|", facts, re.MULTILINE)
    assert told == [field.name for field in fields(Facts)]
    world = msgspec.json.decode(_block(page, "json"), type=WorldLine)
    assert world.maps["debtor"]["C-7"] is None


def _block(page: str, kind: str) -> str:
    found = re.search(rf"^```{kind}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def _line_of(file: Path, begin: str) -> int:
    lines = file.read_text("utf-8").splitlines()
    return next(n for n, text in enumerate(lines, start=1) if text.startswith(begin))


EARLIER = """
link earlier of order
    from     order
    by       customer = customer
    at most  100  else hold for accounts

check not_many on order
    require  count(earlier) < 10
    else     warn
    say      "{customer} orders a lot."
    clears   when it passes
"""


def test_what_a_draft_looks_for_and_the_lines_cannot_know_is_named(
    month: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "links"
    shutil.copytree(STARTER, folder)
    file = folder / "clearing.rules"
    file.write_text(file.read_text("utf-8") + EARLIER, "utf-8")
    told = run("backtest", STARTER, folder, month)
    assert "The new rules look for other records otherwise: link earlier of order." in told.stdout
    found = json.loads(run("backtest", STARTER, folder, month, "--json").stdout)
    assert found["newly_asked"] == ["link earlier of order"]
    assert "look for other records" not in run("backtest", STARTER, STARTER, month).stdout
