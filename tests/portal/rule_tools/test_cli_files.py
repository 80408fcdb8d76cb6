"""`check`, `fmt`, `test` and `try` on files alone: what is printed, and how each command ends."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.cli import commands
from rules.testing.runner import coverage

STARTER = Path(__file__).parents[3] / "portal" / "starters" / "netshop-aiaccount"

FIVE = """\
role accounts  "Accounts team"

chek early on order
    require  total > 0.00

const limit
    from 01/01/2026 = 10.00

check big on order
    requires total < limit
    else     warn
    say      "Large."
    clears   never

check owed on order
    require  total > 1,000.00
    else     hold for accounts
    say      "Too much."
    clears   never

check other on order
    require  total > 0.00
    else     hold
    say      "Nobody looks at it."
    clears   never
"""

ORDER = {
    "number": "NS-7",
    "status": "paid",
    "ordered_on": "2026-11-18",
    "paid_at": "2026-11-18T06:30:00Z",
    "channel": "FPX",
    "currency": "MYR",
    "customer": "C-404",
    "customer_name": "Nobody",
    "subtotal": 37.50,
    "tax_total": "0.00",
    "round_off": 0,
    "total": 37.50,
    "version": 1,
    "lines": [
        {"pos": 1, "sku": "NO-SKU", "name": "Cup", "uom": "PCS", "qty": 3, "price": 12.5,
         "tax": "NONE"},
    ],
}  # fmt: skip


def run(*args: str | Path) -> Result:
    """The command with these arguments; its return value is the exit code, as `main` has it."""
    result = CliRunner().invoke(commands, [str(arg) for arg in args], standalone_mode=False)
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    shutil.copytree(STARTER, tmp_path / "rules")
    return tmp_path / "rules"


def test_five_mistakes_are_five_findings(tmp_path: Path) -> None:
    file = tmp_path / "five.rules"
    file.write_text(FIVE, "utf-8")
    result = run("check", file)
    assert result.return_value == 1
    heads = [line for line in result.stdout.split("\n") if line.startswith("error[")]
    assert [head[6:11] for head in heads] == ["SYN04", "SYN15", "SYN08", "SYN14", "SYN02"]
    places = [line.split("five.rules:")[1] for line in result.stdout.split("\n") if "-->" in line]
    assert places == ["3:1", "7:10", "10:5", "16:22", "23:18"]
    assert result.stdout.count("= hint: ") == 5
    assert "5 errors, 0 warnings in 1 file" in result.stdout


def test_findings_as_json(tmp_path: Path) -> None:
    file = tmp_path / "five.rules"
    file.write_text(FIVE, "utf-8")
    told = json.loads(run("check", file, "--json").stdout)
    assert (told["files"], told["errors"], told["warnings"]) == (1, 5, 0)
    assert told["findings"][1]["span"] == {
        "file": str(file),
        "line": 7,
        "column": 10,
        "end_line": 7,
        "end_column": 20,
    }
    assert all(finding["hint"] for finding in told["findings"])


def test_a_name_that_nobody_declared_is_found_beside_a_syntax_mistake(starter: Path) -> None:
    file = starter / "clearing.rules"
    text = file.read_text("utf-8")
    text = text.replace("hold for tax_desk", "hold for taxdesk", 1)
    file.write_text(text.replace("check total_adds", "chek total_adds"), "utf-8")
    found = json.loads(run("check", starter, "--json").stdout)["findings"]
    assert len(found) == 2
    assert found[0]["code"] == "SYN04"
    assert "taxdesk" in found[1]["message"]


def test_many_findings_are_cut(tmp_path: Path) -> None:
    file = tmp_path / "many.rules"
    file.write_text("role a\n" * 30, "utf-8")
    few, all_ = run("check", file).stdout, run("check", file, "--all").stdout
    assert few.count("error[") == 20
    assert "+ 10 more (--all)" in few
    assert all_.count("error[") == 30


def test_plain_findings_have_no_drawing(tmp_path: Path) -> None:
    file = tmp_path / "one.rules"
    file.write_text("role a\n", "utf-8")
    first = run("check", file, "--plain").stdout.split("\n")[0]
    assert first.startswith(f"{file} line 1 column 7: error SYN02: ")


def test_the_starter_rules_are_clean_and_laid_out(starter: Path) -> None:
    result = run("check", starter, "--strict")
    assert (result.return_value, result.stdout[:7]) == (0, "6 files")


def test_fmt_changes_layout_only_and_once(starter: Path) -> None:
    file = starter / "clearing.rules"
    tidy = file.read_text("utf-8") if run("fmt", file).return_value == 0 else ""
    file.write_text(tidy.replace("    ready    ", "  ready  "), "utf-8")
    assert run("fmt", "--check", file).return_value == 1
    assert file.read_text("utf-8") != tidy
    changed = run("fmt", file)
    assert (changed.return_value, changed.stdout) == (0, f"changed {file}\n")
    assert file.read_text("utf-8") == tidy
    assert run("fmt", "--check", file).return_value == 0
    assert sorted(path.suffix for path in starter.iterdir() if path.is_file()) == [".rules"] * 6


def test_fmt_leaves_a_broken_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "broken.rules"
    file.write_text("role   a\n", "utf-8")
    result = run("fmt", file)
    assert result.return_value == 1
    assert "SYN02" in result.stdout
    assert file.read_text("utf-8") == "role   a\n"


def test_the_tests_of_the_starter_pass(starter: Path) -> None:
    result = run("test", starter)
    assert result.return_value == 0
    assert result.stdout.endswith(" tests, 0 failed\n")


def test_a_failed_test_is_told(starter: Path) -> None:
    file = starter / "clearing.rules"
    file.write_text(file.read_text("utf-8").replace("= 3000.00", "= 200.00"), "utf-8")
    result = run("test", starter)
    assert result.return_value == 1
    assert "failed: a paid order is invoiced at once, in pieces" in result.stdout
    told = json.loads(run("test", starter, "--json").stdout)
    assert told["failed"] > 0


def test_try_holds_an_order_and_says_why(starter: Path, tmp_path: Path) -> None:
    record = tmp_path / "order.json"
    record.write_text(json.dumps(ORDER), "utf-8")
    result = run("try", starter, record, "--at", "2026-11-19", "--trace")
    assert result.return_value == 1
    assert "aiaccount.sales_invoice: on hold" in result.stdout
    assert "Customer C-404 is not mapped to a debtor" in result.stdout
    assert "clearing.rules:" in result.stdout
    told = json.loads(run("try", starter, record, "--at", "2026-11-19", "--json").stdout)
    assert told["decisions"][0]["state"] == "held"


@pytest.mark.parametrize(
    "args",
    [
        ("check", "no/such/file.rules"),
        ("check",),
        ("check", "{folder}"),
        ("check", "{latin}"),
        ("try", "{starter}", "{list}"),
        ("try", "{starter}", "{nan}"),
        ("try", "{starter}", "{order}", "--kind", "parcel"),
    ],
)
def test_wrong_usage_is_exit_2(args: tuple[str, ...], starter: Path, tmp_path: Path) -> None:
    files = {
        "latin": b"role a \xff",
        "list": b"[]",
        "nan": b'{"a": NaN}',
        "order": json.dumps(ORDER).encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "empty").mkdir()
    places = {name: str(tmp_path / name) for name in files}
    places |= {"starter": str(starter), "folder": str(tmp_path / "empty")}
    result = run(*(arg.format(**places) for arg in args))
    assert getattr(result.exception, "code", None) == 2 or result.exception.exit_code == 2  # type: ignore[union-attr]


@pytest.mark.slow
def test_coverage_names_what_no_test_would_notice(
    starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[object] = []

    def once(*args: object) -> Iterable[object]:
        """The rules are broken for the first telling; the second tells of the same."""
        if not found:
            found.extend(coverage(*args))  # type: ignore[arg-type]
        return found

    monkeypatch.setattr("rules.testing.runner.coverage", once)
    result = run("test", starter, "--coverage")
    assert result.return_value == 0
    assert " 0 failed" in result.output
    assert "statuses of gates" in result.output
    told = json.loads(run("test", starter, "--coverage", "--json").stdout)["coverage"]
    counted = sum(each["covered"] for each in told)
    assert f"covered: {counted} of {len(told)} parts" in result.output
    assert all(bool(each["by"]) == each["covered"] for each in told)
    for each in told:
        place = f"  {each['file']}:{each['line']}: {each['name']}\n"
        assert (place in result.output) != each["covered"]


@pytest.mark.slow
def test_a_failed_test_is_a_finding_for_a_code_host(starter: Path) -> None:
    file = starter / "clearing.rules"
    file.write_text(
        file.read_text("utf-8").replace(
            "require  period = open", "require  period in (open, locked)"
        )
    )
    text = run("test", starter)
    assert text.return_value == 1
    github, sarif = (
        run("test", starter, "--format", "github"),
        run("test", starter, "--format", "sarif"),
    )
    assert github.return_value == sarif.return_value == 1
    (found,) = json.loads(sarif.stdout)["runs"][0]["results"]
    assert found["ruleId"] == "TST10"
    message = json.loads(run("test", starter, "--json").stdout)["results"]
    (failed,) = [each for each in message if not each["passed"]]
    assert failed["message"] in found["message"]["text"]
    assert failed["message"] in text.output
    assert f"line={failed['line']}," in github.stdout
