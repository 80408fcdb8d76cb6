"""`preflight`: what is listed, what is counted, how it ends."""

import json
from pathlib import Path

from portal.rule_tools.explain_commands import TEMPLATES
from portal.terminal.command_frame import Stop
from tests.portal.rule_tools.test_cli_files import run

NETSHOP = TEMPLATES / "netshop-aiaccount"
AT = ("--at", "2026-11-20T10:00:00")
ORDER = {
    "number": "NS-1",
    "status": "paid",
    "ordered_on": "2026-11-18",
    "paid_at": "2026-11-18T06:30:00Z",
    "channel": "FPX",
    "currency": "MYR",
    "customer": "C-101",
    "customer_name": "Warung Melati",
    "subtotal": "40.00",
    "tax_total": "0.00",
    "round_off": "0.00",
    "total": "40.00",
    "version": 1,
    "lines": [
        {
            "pos": 1,
            "sku": "CUP-GLASS-20",
            "name": "Glass",
            "uom": "PCS",
            "qty": "8",
            "price": "5.00",
            "tax": "NONE",
        }
    ],
}


def records(folder: Path, *lines: object) -> Path:
    file = folder / "records.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return file


def test_all_nine_kinds_are_listed_with_what_fills_them(tmp_path: Path) -> None:
    result = run("preflight", NETSHOP, records(tmp_path, {"body": ORDER}), *AT)
    assert result.return_value == 0
    first, _, head, *rows = result.stdout.splitlines()
    assert first == "1 record, 0 blocked."
    assert head.split() == ["aiaccount", "must", "records", "blocked", "filled", "by"]
    cells = {row[:18].strip(): row[18:].split(maxsplit=3) for row in rows}
    assert cells == {
        "account": ["yes", "1", "0", "sales_account"],
        "tax": ["yes", "1", "0", "tax_code_of_kind, tax_code"],
        "currency": ["yes", "1", "0", "Currency = currency (as it comes, unchecked)"],
        "customer": ["yes", "1", "0", "debtor"],
        "vendor": ["-", "nothing", "posted", "here names one"],
        "item": ["no", "1", "0", "item"],
        "warehouse": ["-", "nothing", "posted", "here names one"],
        "payment method": ["-", "nothing", "posted", "here names one"],
        "payment term": ["-", "nothing", "posted", "here names one"],
    }


def test_one_record_is_counted_once_for_each_key_that_it_lacks(tmp_path: Path) -> None:
    glass = ORDER["lines"][0]  # type: ignore[index]
    twice = [{**glass, "sku": "cup"}, {**glass, "pos": 2, "sku": "cup"}]
    lines = records(tmp_path, {"body": {**ORDER, "lines": twice}}, {"body": ORDER})
    told = json.loads(run("preflight", NETSHOP, lines, *AT, "--json").stdout)
    assert (told["records"], told["blocked"]) == (2, 1)
    assert [(m["table"], m["key"], m["records"]) for m in told["missing"]] == [("item", "cup", 1)]
    (item,) = [need for need in told["needs"] if need["kind"] == "item"]
    assert (item["records"], item["blocked"], item["required"]) == (2, 1, False)


def test_an_account_that_the_target_does_not_list_blocks(tmp_path: Path) -> None:
    file = records(tmp_path, {"body": ORDER, "revision": 7}, {"body": {**ORDER, "status": "draft"}})
    listed = {"account": ["12000", "40010"], "tax_code": ["NT"]}
    state = {"known": True, "locked_through": None, "codes": listed}
    world = {"revision": 7, "targets": {"aiaccount": state}}
    (tmp_path / "worlds.jsonl").write_text(json.dumps(world) + "\n", "utf-8")
    result = run("preflight", NETSHOP, file, *AT)
    assert result.return_value == 1
    assert "2 records, 1 blocked" in result.stdout
    assert result.stdout.endswith(
        'Not in the accounting system, when it was last asked:\n  aiaccount account "40000": 1\n'
    )
    assert "Missing:" not in result.stdout
    listed["account"].append("40000")
    listed["currency"] = ["SGD"]
    (tmp_path / "worlds.jsonl").write_text(json.dumps(world) + "\n", "utf-8")
    assert run("preflight", NETSHOP, file, *AT).stdout.endswith('  aiaccount currency "MYR": 1\n')


def test_what_the_target_lists_that_looks_like_a_code_is_told(tmp_path: Path) -> None:
    file = records(tmp_path, {"body": ORDER, "revision": 7})
    listed = {"account": ["12000", "400OO", "40 000", "4OO00"], "tax_code": ["NT"]}
    state = {"known": True, "locked_through": None, "codes": listed}
    world = {"revision": 7, "targets": {"aiaccount": state}}
    (tmp_path / "worlds.jsonl").write_text(json.dumps(world) + "\n", "utf-8")
    assert run("preflight", NETSHOP, file, *AT).stdout.endswith(
        'aiaccount account "40000": 1. "40 000" is: it differs by spaces; '
        '"400OO" is: it looks the same (0 for O); "4OO00" is: it looks the same (0 for O).\n'
    )
    told = json.loads(run("preflight", NETSHOP, file, *AT, "--json").stdout)
    assert told["unlisted"][0]["near"] == ["40 000", "400OO", "4OO00"]


def test_a_field_that_is_sent_as_it_comes_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    run("init", folder)
    posting = folder / "posting.rules"
    text = posting.read_text("utf-8").replace("item(line.sku)", "line.sku")
    posting.write_text(text, "utf-8")
    names = folder / "names.rules"
    head, _, rest = names.read_text("utf-8").partition("map item\n")
    names.write_text(head + rest.partition("\n\n")[2], "utf-8")
    (folder / "orders_test.rules").unlink()
    result = run("preflight", folder, records(tmp_path, {"body": ORDER}), *AT)
    assert "SKU = line.sku (as it comes, unchecked)" in result.stdout


def test_a_line_that_cannot_be_used_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = records(tmp_path, {"boby": {}}, {"body": ORDER})
    result = run("preflight", NETSHOP, file, *AT)
    assert result.return_value == 1
    assert "1 record, 0 blocked" in result.stdout
    assert "records.jsonl:1: " in result.stdout


def test_a_file_that_is_no_record_file_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "records.txt"
    file.write_text("{}", "utf-8")
    result = run("preflight", NETSHOP, file, *AT)
    assert isinstance(result.exception, Stop)


def test_a_document_beyond_a_limit_blocks_and_is_named(tmp_path: Path) -> None:
    long = {**ORDER, "number": "N" * 60}
    lines = records(tmp_path, {"body": long}, {"body": ORDER})
    result = run("preflight", NETSHOP, lines, *AT, "--json")
    told = json.loads(result.stdout)
    assert (result.return_value, told["blocked"]) == (1, 1)
    (limit,) = told["beyond"]
    assert (limit["code"], limit["records"], limit["owner"]) == ("VAL05", 1, "operations")
    assert "has 60 characters, aiaccount takes 50" in limit["message"]
    printed = run("preflight", NETSHOP, lines, *AT).stdout
    assert limit["message"] in printed
