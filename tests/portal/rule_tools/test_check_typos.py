"""One typo in rules that are right is one finding, with what follows from it below."""

import json
import re
from pathlib import Path

import pytest

from tests.portal.rule_tools.test_check_tells import GOODS, SHOP, of_condition, told
from tests.portal.rule_tools.test_cli_files import run

INVOICE, INVOISE = "autocount.invoice", "autocount.invoise"


@pytest.mark.parametrize(
    ("file", "right", "typo", "template", "code", "many"),
    [
        ("shop.rules", "source netshop", "source netshp", SHOP, "NAM27", 1),
        ("shop.rules", "target aiaccount", "target aiacount", SHOP, "NAM27", 1),
        ("company.rules", "source intake", "source intak", GOODS, "NAM27", 8),
        ("company.rules", "target autocount", "target autocuont", GOODS, "NAM27", 11),
        ("posting.rules", "order to aiaccount.", "order to aiacount.", SHOP, "POS01", 30),
        ("changes.rules", "retry autocount", "retry autocuont", GOODS, "NAM09", 2),
        ("posting.rules", f"reversing {INVOICE}", f"reversing {INVOISE}", GOODS, "NAM06", 3),
        ("posting.rules", "autocount.credit_note", "autocount.credit_nota", GOODS, "POS01", 4),
        ("posting.rules", "of(autocount.invoice)", "of(autocount.invoise)", GOODS, "NAM06", 1),
        ("names.rules", "map debtor\n", "map debtr\n", SHOP, "NAM05", 5),
        ("names.rules", "map tax_rate\n", "map tax_rte\n", SHOP, "NAM05", 1),
        ("clearing.rules", "const approval_limit", "const aproval_limit", SHOP, "NAM01", 1),
        ("posting.rules", "const usual_class", "const usual_clas", SHOP, "NAM01", 1),
        ("shop.rules", "packed, partly", "pakced, partly", SHOP, "GAT03", 1),
        ("shop.rules", "    sku       text", "    skuu      text", SHOP, "NAM25", 5),
        ("shop.rules", "    pieces  ", "    peices  ", SHOP, "NAM01", 2),
        ("shop.rules", "lines               many", "lnes                many", SHOP, "NAM25", 3),
        ("names.rules", "    base     PCS", "    base     PSC", SHOP, "UOM05", 3),
        ("names.rules", "= 12 PCS", "= 12 PSC", SHOP, "UOM05", 1),
        ("records.rules", "link deliveries of", "link delivries of", GOODS, "TST02", 5),
        ("records.rules", "record delivery from", "record delivry from", GOODS, "NAM24", 20),
        ("records.rules", "from     delivery", "from     delivry", GOODS, "NAM07", 15),
        ("records.rules", "many delivery_line", "many delivry_line", GOODS, "NAM07", 1),
    ],
)  # fmt: skip
def test_T23h_one_typo_is_one_finding_wherever_it_stands(
    tmp_path: Path, file: str, right: str, typo: str, template: str, code: str, many: int
) -> None:
    (found,) = told(tmp_path, file, right, typo, template=template)
    assert found["code"] == code
    below = found.get("follows", [])
    assert len(below) >= many
    (word,) = {*re.findall(r"\w+", typo)} - {*re.findall(r"\w+", right)}
    hints = [found["hint"], *(each["hint"] for each in below)]
    assert not [hint for hint in hints if re.search(rf"[Dd]id you mean '[^']*\b{word}\b", hint)]
    assert all(hints)


def test_T23h_what_is_used_once_and_declared_once_may_be_either(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "posting.rules", "otherwise usual_class", "otherwise usual_clas")
    assert found["message"] == "order has no field 'usual_clas'"
    where = "posting.rules:4:1, and nothing uses it: one of the two is misspelt."
    assert found["hint"].startswith("'usual_class' is declared in ")
    assert found["hint"].endswith(where)


def test_T23i_two_typos_stay_two_findings(tmp_path: Path) -> None:
    found = told(tmp_path, "shop.rules", "    sku       text", "    skuu      text")
    assert len(found) == 1
    posting = tmp_path / "rules" / "posting.rules"
    posting.write_text(
        posting.read_text("utf-8").replace("item(line.sku)", "itm(line.sku)"), "utf-8"
    )
    found = json.loads(run("check", tmp_path / "rules", "--json").stdout)["findings"]
    assert sorted(each["code"] for each in found) == ["NAM05", "NAM25"]
    found = told(tmp_path, "company.rules", "target autocount", "target autocuont", template=GOODS)
    posting.write_text(
        posting.read_text("utf-8").replace("= received_on", "= recieved_on"), "utf-8"
    )
    found = json.loads(run("check", tmp_path / "rules", "--json").stdout)["findings"]
    assert sorted(each["code"] for each in found) == ["NAM01", "NAM27"]


def test_T23i_a_target_that_is_misspelt_takes_no_other_mistake_about_its_documents(
    tmp_path: Path,
) -> None:
    told(tmp_path, "company.rules", "target autocount", "target autocuont", template=GOODS)
    posting = tmp_path / "rules" / "posting.rules"
    text, term = posting.read_text("utf-8"), "    DebtorCode          = debtor(customer)\n"
    assert term in text
    posting.write_text(text.replace(term, "", 1), "utf-8")
    found = json.loads(run("check", tmp_path / "rules", "--json").stdout)["findings"]
    assert {"NAM27", "POS12"} <= {each["code"] for each in found}


def test_T23j_a_source_of_ones_own_is_no_typo(tmp_path: Path) -> None:
    more = """
source warehouse_app
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "The warehouse sent no {field}."
"""
    assert "NAM27" not in {each["code"] for each in told(tmp_path, "shop.rules", more=more)}


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("status = paid or packed or delivered", "Write status in (paid, packed, delivered)."),
        ("not status = paid or packed", "Write not status in (paid, packed)."),
        ("total > 1.00 and (status = paid or packed)", "Write status in (paid, packed)."),
        ("IFERROR(total, 0.00) > 1.00", "write what stands in for it"),
        ("SUMIF(lines, 1) > 0.00", "a sum has its own condition: sum(lines.amount where"),
        ("ISBLANK(tin)", "write is missing"),
        ("customer IS NULL", "write 'customer is missing'"),
        ('CONCAT(customer, tin) = "x"', "texts are neither cut nor put together"),
        ('left(customer, 1) = "C"', "texts are neither cut nor put together"),
        ("AND(total > 1.00, total < 2.00)", "write and between the conditions"),
        ("lines[0].qty > 1", "lines have no numbers"),
    ],
)
def test_T23k_more_of_what_others_have_is_answered(
    tmp_path: Path, condition: str, hint: str
) -> None:
    ((_, _, told_hint),) = of_condition(tmp_path, condition)
    assert told_hint.startswith(hint)
