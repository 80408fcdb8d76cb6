"""`explain`, `diff`, `init`, and the further forms of `check`: what is printed, how each ends."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.portal.rule_tools.test_cli_files import STARTER, run

DEPOT = Path(__file__).parents[2] / "rules" / "depot.rules"


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    shutil.copytree(STARTER, folder)
    return folder


@pytest.fixture
def broken(starter: Path) -> Path:
    file = starter / "clearing.rules"
    text = file.read_text("utf-8").replace("on_adds on order", "", 1)
    file.write_text(text.replace("require  currency", "require  curency", 1), "utf-8")
    return starter


def test_github_shows_a_finding_beside_its_line(broken: Path) -> None:
    result = run("check", broken, "--format", "github")
    assert result.return_value == 1
    (line,) = [x for x in result.stdout.splitlines() if "NAM01" in x]
    assert line.startswith("::error file=")
    assert ",line=" in line
    assert "curency" in line
    assert "%0ADid you mean 'currency'?" in line


def test_github_keeps_a_finding_in_one_line_and_its_signs(tmp_path: Path) -> None:
    file = tmp_path / "a,b.rules"
    file.write_text('role x  "X"\nsource s\n    currency MYR\n', "utf-8")
    lines = run("check", file, "--format", "github").stdout.splitlines()
    assert lines
    assert all(line.startswith("::") and "a%2Cb.rules" in line for line in lines)


def test_sarif_names_rule_place_and_level(broken: Path) -> None:
    result = run("check", broken, "--format", "sarif")
    assert result.return_value == 1
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0"
    (one,) = log["runs"]
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    found = next(r for r in one["results"] if r["ruleId"] == "NAM01")
    assert rules[found["ruleIndex"]] == "NAM01"
    assert found["level"] == "error"
    region = found["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] > 1


@pytest.mark.parametrize("form", [["--json"], ["--format", "json"]])
def test_json_is_one_object(starter: Path, form: list[str]) -> None:
    found = json.loads(run("check", starter, *form, "--coverage").stdout)
    assert found["errors"] == 0
    assert {row["exception"] for row in found["coverage"]} >= {"changed price", "manual edit"}


@pytest.mark.slow
def test_check_counts_what_nothing_carries_out_and_publish_refuses_it(starter: Path) -> None:
    assert "not supported yet" not in run("check", starter).stdout
    assert run("check", starter, "--publish").return_value == 0
    later = STARTER.with_name("orders-autocount")  # its sales orders go nowhere yet
    result = run("check", later)
    assert result.return_value == 0
    count = json.loads(run("check", later, "--json").stdout)["not_carried_out"]
    assert count > 0
    assert f"{count} not supported yet, which publishing refuses" in result.stdout
    refused = run("check", later, "--publish")
    assert refused.return_value == 1
    assert refused.stdout.count("error[SYN40]") == count


def test_coverage_names_the_rule_or_the_risk(starter: Path) -> None:
    result = run("check", starter, "--coverage")
    assert result.return_value == 0
    lines = result.stdout.splitlines()
    assert "order" in lines
    assert any("duplicate party" in x and "yes  check one_debtor" in x for x in lines)
    assert any("manual edit" in x and "yes  we own of" in x for x in lines)
    assert any("'buyer_named' holds a record without 'tin'" in x for x in lines)


def test_coverage_that_is_strict_makes_a_risk_an_error(starter: Path) -> None:
    (starter / "orders_test.rules").unlink()
    file = starter / "clearing.rules"
    text = file.read_text("utf-8")
    begin = text.index("check one_debtor")
    file.write_text(text[:begin] + text[text.index("check whole_pieces") :], "utf-8")
    assert run("check", starter, "--coverage").return_value == 0
    result = run("check", starter, "--coverage", "--strict", "--format", "json")
    assert result.return_value == 1
    findings = json.loads(result.stdout)["findings"]
    assert any(f["code"] == "COV01" and "duplicate party" in f["message"] for f in findings)


def test_explain_writes_the_rule_book(starter: Path) -> None:
    result = run("explain", starter)
    assert result.return_value == 0
    assert result.stdout.startswith("# Rule book: rules\n")
    words = "An order is ready to post to aiaccount as a sales invoice when: its status is"
    assert words in result.stdout


def test_explain_of_one_topic_as_a_page(starter: Path) -> None:
    result = run("explain", starter, "--html", "--topic", "UOM")
    assert "<script" not in result.stdout
    assert "1 BOX is 12 PCS." in result.stdout
    assert "<h2" in result.stdout
    assert result.stdout.count("<h2") == 1


def test_explain_knows_its_topics(starter: Path) -> None:
    from portal.terminal.command_frame import Stop

    result = run("explain", starter, "--topic", "weather")
    assert isinstance(result.exception, Stop)
    assert "status" in result.exception.hint


def test_diff_says_old_and_new_and_what_it_reaches(starter: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(starter, changed)
    file = changed / "clearing.rules"
    text = file.read_text("utf-8").replace("= 3000.00", "= 2500.00")
    file.write_text("# a comment more\n" + text, "utf-8")
    result = run("diff", starter, changed)
    assert result.return_value == 1
    assert "changed  const approval_limit [aiaccount.sales_invoice]" in result.stdout
    assert "3000.00 → 2500.00" in result.stdout
    assert len(result.stdout.splitlines()) == 2
    (change,) = json.loads(run("diff", starter, changed, "--json").stdout)["changes"]
    assert change["kind"] == "changed"


def test_diff_of_the_same_rules_is_nothing(starter: Path) -> None:
    result = run("diff", starter, STARTER)
    assert result.return_value == 0
    assert result.stdout == "Both versions have the same meaning.\n"


def test_init_begins_a_folder_that_is_clean(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert run("init", folder).return_value == 0
    assert (folder / "maps" / "items.csv").exists()
    assert not list(folder.rglob("*.py"))
    assert run("check", folder, "--strict").return_value == 0
    assert run("test", folder).return_value == 0


def test_init_touches_no_folder_that_holds_something(starter: Path, tmp_path: Path) -> None:
    from portal.terminal.command_frame import Stop

    for args in ((starter,), (tmp_path / "x", "--template", "other")):
        assert isinstance(run("init", *args).exception, Stop)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_cancelled_posted_e_invoiced_order_in_a_locked_period_is_one_sentence() -> None:
    told = run("explain", STARTER.parent / "orders-autocount", "--topic", "exceptions").stdout
    assert (
        "- An order that is cancelled after it was posted (but not as a sales order in autocount), "
        "while “credited” is no and the period of the document is locked, whether or not it has an "
        "e-invoice and "
        "whatever “moved” is: nothing is done in autocount, and the hold cannot be released.\n"
    ) in told


@pytest.mark.slow
def test_the_rule_book_says_what_the_last_backtest_said(starter: Path, tmp_path: Path) -> None:
    record = {"number": "NS-1", "status": "paid", "ordered_on": "2026-11-18", "total": "10.01"}
    history, told = tmp_path / "history.jsonl", tmp_path / "told.json"
    line = {"kind": "order", "now": "2026-11-19T02:00:00Z", "body": record}
    history.write_text(f"{json.dumps(line)}\n" * 2, "utf-8")
    done = run("backtest", starter, starter, history, "--json", "--processes", "1")
    told.write_text(done.stdout, "utf-8")
    text = run("explain", starter, "--backtest", told).stdout
    assert re.search(
        r"^Last backtest: told 20\d\d-\d\d-\d\d \d\d:\d\d UTC, 2 records\.$", text, re.M
    )
    assert re.search(
        r"`check home_currency, .* last backtest: it fired on [02] of 2 records$", text, re.M
    )
    assert re.search(
        r"`approve order, .* last backtest: it fired on [02] of 2 records$", text, re.M
    )
    file = starter / "clearing.rules"
    file.write_text(file.read_text("utf-8") + "# another word\n", "utf-8")
    assert "The rules have changed since." in run("explain", starter, "--backtest", told).stdout
    page = run("explain", starter, "--backtest", told, "--html").stdout
    assert "last backtest: it fired on" in page


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"rules": [{}], "records": 1}'])
def test_what_is_no_backtest_is_told(starter: Path, tmp_path: Path, text: str) -> None:
    from portal.terminal.command_frame import Stop

    file = tmp_path / "told.json"
    file.write_text(text, "utf-8")
    result = run("explain", starter, "--backtest", file)
    assert isinstance(result.exception, Stop)
    assert "is not a backtest report" in result.exception.message
