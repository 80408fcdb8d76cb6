"""What `clearpost check` tells of one slip in rules that are right, as a person sees it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.portal.rule_tools.test_cli_files import ORDER, run

STARTERS = Path(__file__).parents[3] / "portal" / "starters"
SHOP, GOODS = "netshop-aiaccount", "orders-autocount"

LATER = "SYN40"
"""What the templates say and is not carried out yet."""

Finding = dict[str, Any]


def told(
    tmp_path: Path, file: str, *pieces: str, template: str = SHOP, more: str = ""
) -> list[Finding]:
    """What publishing is told of a template with pieces replaced and declarations added."""
    folder = tmp_path / "rules"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STARTERS / template, folder)
    text = (folder / file).read_text("utf-8")
    for old, new in zip(pieces[::2], pieces[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new, 1)
    (folder / file).write_text(f"{text}\n{more}", "utf-8")
    found: list[Finding] = json.loads(run("check", folder, "--publish", "--json").stdout)[
        "findings"
    ]
    return [each for each in found if each["code"] != LATER]


def short(found: list[Finding]) -> list[tuple[str, str, str]]:
    """Code, message and hint of each finding."""
    return [(each["code"], each["message"], each["hint"]) for each in found]


# ---- T14: the names of the tables ----------------------------------------------------------------

EDIT = """
on edit of {record}{route}
    all = {fields}
    | changed        | do                 |
    | all, not_ready | review by accounts |
"""
CANCEL = """
on cancel of {record}{route}
    | period | do                 |
    | -      | review by accounts |
"""


@pytest.mark.parametrize("table", [EDIT, CANCEL])
def test_T14a_a_table_of_a_record_that_is_not_there_is_told(tmp_path: Path, table: str) -> None:
    text = table.format(record="ordr", route="", fields="total")
    ((code, message, hint),) = short(told(tmp_path, "changes.rules", more=text))
    assert (code, message, hint) == ("NAM07", "there is no record 'ordr'", "Did you mean 'order'?")


@pytest.mark.parametrize("table", [EDIT, CANCEL])
def test_T14b_a_table_for_a_route_that_is_not_there_is_told(tmp_path: Path, table: str) -> None:
    route = " for aiaccount.sales_invoise"
    text = table.format(record="order", route=route, fields=stored())
    ((code, message, hint),) = short(told(tmp_path, "changes.rules", more=text))
    assert (code, message) == ("NAM06", "nothing is posted to 'aiaccount.sales_invoise'")
    assert hint == "Did you mean 'aiaccount.sales_invoice'?"


def stored() -> str:
    """The stored fields of an order of the shop, but for its key."""
    lines = (STARTERS / SHOP / "changes.rules").read_text("utf-8").split("\n")
    groups = [line.split("=")[1].strip() for line in lines if "=" in line and "|" not in line]
    return ", ".join(groups)


@pytest.mark.parametrize("table", [EDIT, CANCEL])
def test_T14c_a_table_for_the_route_of_another_record_is_told(tmp_path: Path, table: str) -> None:
    text = table.format(record="receipt", route=" for autocount.invoice", fields="amount")
    found = told(tmp_path, "changes.rules", template=GOODS, more=text)
    assert ("NAM06", "autocount.invoice posts order, not receipt") in {
        (each["code"], each["message"]) for each in found
    }
    reversing = text.replace("autocount.invoice", "autocount.credit_note")
    found = told(tmp_path, "changes.rules", template=GOODS, more=reversing)
    assert ("NAM06", "autocount.credit_note posts refund, not receipt") in {
        (each["code"], each["message"]) for each in found
    }


@pytest.mark.parametrize("table", [EDIT, CANCEL])
def test_T14d_a_table_for_a_reversing_route_names_the_route_that_it_reverses(
    tmp_path: Path, table: str
) -> None:
    text = table.format(record="order", route=" for autocount.credit_note", fields="total")
    found = short(told(tmp_path, "changes.rules", template=GOODS, more=text))
    assert (
        "NAM06",
        "autocount.credit_note takes documents back: only an approval speaks of it",
        "Speak of what it reverses: autocount.invoice.",
    ) in found


@pytest.mark.parametrize("table", [EDIT, CANCEL])
def test_T14e_lines_are_no_record_of_their_own(tmp_path: Path, table: str) -> None:
    text = table.format(record="order_line", route="", fields="qty").replace(", not_ready", "")
    ((code, message, hint),) = short(told(tmp_path, "changes.rules", more=text))
    assert (code, message) == ("NAM07", "'order_line' is a line of order, not a record of its own")
    assert hint == "Speak of order; what asks for every line says 'each line'."


def test_T14f_a_check_of_lines_alone_would_never_run(tmp_path: Path) -> None:
    found = short(told(tmp_path, "clearing.rules", "check total_adds on order\n",
                       "check total_adds on order_line\n"))  # fmt: skip
    assert found[0][0] == "NAM07"
    assert "is a line of order" in found[0][1]


def test_T14g_groups_and_fields_are_told_with_the_near_one(tmp_path: Path) -> None:
    ((code, _, hint),) = short(
        told(
            tmp_path,
            "changes.rules",
            "| amounts, party, not_ready |",
            "| amount, party, not_ready |",
        )
    )
    assert (code, hint) == ("TAB05", "Did you mean 'amounts'?")
    found = told(tmp_path, "changes.rules", "tax_total, round_off", "tax_totl, round_off")
    assert ("EDT04", "Did you mean 'tax_total'?") in {(f["code"], f["hint"]) for f in found}


def test_T14h_a_retry_table_of_no_target_is_told(tmp_path: Path) -> None:
    (code, message, hint), *_ = short(
        told(tmp_path, "changes.rules", "retry autocount", "retry autocuont", template=GOODS)
    )
    assert (code, message) == ("NAM09", "there is no target 'autocuont'")
    assert hint == "Did you mean 'autocount'?"


@pytest.mark.parametrize(
    ("wrong", "code", "hint"),
    [
        ("unique by InvoiceNumbr, Customer in target", "POS11", "Did you mean 'InvoiceNumber'?"),
        ("unique by document_nmber in target", "NAM01", "Did you mean 'document_number'?"),
        ("unique by number in target", "NAM01", "Write document_number, or fields of the target."),
    ],
)
def test_T14i_what_is_unique_in_the_target_is_something_that_is_posted(
    tmp_path: Path, wrong: str, code: str, hint: str
) -> None:
    right = "unique by InvoiceNumber, Customer in target"
    found = short(told(tmp_path, "clearing.rules", right, wrong))
    assert [(each[0], each[2]) for each in found] == [(code, hint)]


def test_T14j_an_approval_may_speak_of_the_route_that_takes_back(tmp_path: Path) -> None:
    text = """
approve order for autocount.credit_note
    by       finance_manager
    say      "{number} is taken back."
"""
    assert told(tmp_path, "changes.rules", template=GOODS, more=text) == []


# ---- T15: quoted words of a status ---------------------------------------------------------------

CHECK = """
check {name} on order
    require  {condition}
    else     hold for accounts
    say      "Look at {{number}}."
    clears   when it passes
"""


def of_condition(tmp_path: Path, condition: str, template: str = SHOP) -> list[tuple[str, ...]]:
    """Code, message and hint of each finding of a check with this condition."""
    text = CHECK.format(name="looked_at", condition=condition)
    return [*short(told(tmp_path, "clearing.rules", template=template, more=text))]


@pytest.mark.parametrize(
    "condition",
    [
        'status <> "Completed"',
        '"Completed" <> status',
        'not status in (draft, "completed ")',
        '(status otherwise "COMPLETED") <> draft',
        'status <> "Delivered"',
    ],
)
def test_T15a_the_spelling_of_the_source_is_answered_with_its_status(
    tmp_path: Path, condition: str
) -> None:
    ((code, message, hint),) = of_condition(tmp_path, condition)
    assert code == "NAM03"
    assert message.endswith(" is a spelling of the source: in rules the status is delivered")
    assert hint == "Write delivered, without quotes."


def test_T15b_a_text_that_is_no_status_is_an_error_with_the_near_one(tmp_path: Path) -> None:
    ((code, message, hint),) = of_condition(tmp_path, 'status <> "Deliverd"')
    assert (code, hint) == ("NAM03", "Did you mean 'delivered'?")
    assert message.startswith('"Deliverd" is none of draft, pending, paid')
    ((code, message, hint),) = of_condition(tmp_path, 'period <> "shut"')
    assert (code, message) == ("NAM03", '"shut" is none of open, locked')


def test_T15c_the_word_itself_may_stand_in_quotes(tmp_path: Path) -> None:
    assert of_condition(tmp_path, 'status <> "delivered"') == []
    assert of_condition(tmp_path, 'status in (packed, "paid") or not tin is missing') == []


@pytest.mark.parametrize("line", ["require  status <> Shipped", "require  status = Delivered"])
def test_T15d_a_capital_is_answered_with_the_plain_word(tmp_path: Path, line: str) -> None:
    text = CHECK.format(name="looked_at", condition="status <> draft")
    text = text.replace("require  status <> draft", line)
    found = short(told(tmp_path, "clearing.rules", more=text))
    word = line.split()[-1].lower()
    assert [each[2] for each in found] == [
        f'a status or a name is written in lower case: {word}; only a text stands in quotes: "…"'
    ]


def test_T15e_a_posted_text_is_still_told_to_stand_in_quotes(tmp_path: Path) -> None:
    found = short(told(tmp_path, "posting.rules", "= currency", "= MYR"))
    assert [each[2] for each in found] == ['a text stands in quotes: "…"']


# ---- T22: what the trace of one record says ------------------------------------------------------


def test_T22d_an_approval_that_nobody_has_to_give_is_not_needed(tmp_path: Path) -> None:
    folder, record = tmp_path / "rules", tmp_path / "order.json"
    shutil.copytree(STARTERS / SHOP, folder)
    line = {**ORDER["lines"][0], "sku": "TEA-EARL-100"}  # type: ignore[index]
    record.write_text(json.dumps({**ORDER, "customer": "C-101", "lines": [line]}), "utf-8")
    traced = run("try", folder, record, "--at", "2026-11-19", "--trace").stdout.split("\n")
    (line,) = [each for each in traced if "total > approval_limit" in each]
    assert line.split()[:2] == ["not", "needed"]
    assert [each for each in traced if each.startswith("  pass ")]


# ---- T23: what people bring along, and one finding for one typo ----------------------------------

NO_IF = (
    "a formula has no if: give each case a check with its own when, a list its where, or use a map"
)


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("IF(total > 5.00, total, 0.00) > 1.00", NO_IF),
        ("if(total > 5.00, total, 0.00) > 1.00", NO_IF),
        ("CASE WHEN total > 1.00 THEN 1 END = 1", NO_IF),
        ("SELECT total > 5.00", "nothing is selected here"),
        ('customer LIKE "C%"', "compare the whole, 'customer = \"C%\"'"),
        ('customer like "C%"', "compare the whole, 'customer = \"C%\"'"),
        ("total BETWEEN 5.00 AND 10.00", "write 'total >= 5.00 and total <= 10.00'"),
        ("customer IS NOT NULL", "write 'customer is known'"),
        ('customer NOT IN ("C-1", "C-2")', 'write \'not customer in ("C-1", "C-2")\''),
        ("total > 5.00 AND total < 10.00", "words of the language are in lower case: and"),
        ("SUM(lines.amount) = total", "functions and maps are in lower case: sum(…)"),
        ("total % 2 = 0", "a percentage is a number with its sign, 6%"),
        ("(total > 5.00 ? 1 : 0) = 1", f"there is no ? and : here; {NO_IF}"),
        ('customer & "x" = "y"', "write and between conditions; texts are put together"),
        ("status in paid, packed", "write 'status in (paid, packed)'"),
        ("status = paid or packed", "Write status in (paid, packed)."),
        ("status = paid and packed", "Write status in (paid, packed)."),
        ("status <> paid or packed", "Write not status in (paid, packed)."),
        ("customer = null", "write is missing"),
    ],
)
def test_T23a_what_other_languages_have_is_answered_with_what_to_write(
    tmp_path: Path, condition: str, hint: str
) -> None:
    ((_, _, told_hint),) = of_condition(tmp_path, condition)
    assert told_hint.startswith(hint)


def test_T23b_a_formula_of_a_record_or_a_document_is_answered_alike(tmp_path: Path) -> None:
    found = told(tmp_path, "posting.rules", "= currency", '= IF(total > 1.00, "MYR", "SGD")')
    assert [each["hint"] for each in found] == [NO_IF]


def test_T23c_a_sum_of_conditions_keeps_its_own_finding(tmp_path: Path) -> None:
    ((code, message, _),) = of_condition(tmp_path, "status = paid or shut")
    assert (code, message) == ("NAM01", "order has no field 'shut'")


@pytest.mark.parametrize(
    ("file", "right", "typo", "code", "many"),
    [
        ("shop.rules", "tax_total           money", "tax_totl           money", "NAM25", 6),
        ("posting.rules", "aiaccount.sales_invoice", "aiaccount.sales_invoyce", "POS01", 30),
        ("shop.rules", "record order_line of order", "record order_line of ordr", "NAM07", 20),
        ("shop.rules", "many order_line", "many order_lin", "NAM07", 2),
        ("shop.rules", "role accounts ", "role accounst ", "OWN01", 18),
        ("orders_test.rules", "sample tea", "sample tee", "TST01", 30),
        ("clearing.rules", "paid, packed", "paid, pakced", "GAT03", 1),
        ("changes.rules", "tax_total,", "tax_totl,", "EDT04", 1),
        ("posting.rules", "InvoiceDate", "InvoceDate", "POS11", 1),
        ("posting.rules", "item(", "itm(", "NAM05", 1),
    ],
)
def test_T23d_one_typo_is_one_finding_with_what_follows_below_it(
    tmp_path: Path, file: str, right: str, typo: str, code: str, many: int
) -> None:
    (found,) = told(tmp_path, file, right, typo)
    assert found["code"] == code
    assert len(found["follows"]) >= many
    (word,) = {*re.findall(r"[\w.]+", typo)} - {*re.findall(r"[\w.]+", right)}
    assert f"Did you mean '{word}'" not in found["hint"]


def test_T23e_a_name_that_is_declared_misspelt_is_said_with_its_place(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "shop.rules", "role accounts ", "role accounst ")
    assert found["hint"].startswith("'accounst' is declared in ")
    assert found["hint"].endswith("shop.rules:4:1, and nothing uses it: correct its name.")


def test_T23f_two_typos_are_two_findings(tmp_path: Path) -> None:
    pieces = ("sum(lines.tax_due) = tax_total", "sum(lines.tax_due) = tax_totl",
              "lines_total = total", "lines_totl = total")  # fmt: skip
    found = told(tmp_path, "clearing.rules", *pieces)
    assert [each["code"] for each in found] == ["NAM01", "NAM01"]
    assert not any(each.get("follows") for each in found)
    more = CANCEL.format(record="ordr", route="")
    found = told(
        tmp_path, "clearing.rules", "is_whole(line.pieces)", "is_whole(line.pices)", more=more
    )
    assert sorted(each["code"] for each in found) == ["NAM01", "NAM07"]
    found = told(tmp_path, "clearing.rules", "paid, packed", "paid, pakced",
                 "wait     pending, partly_delivered", "wait     pending")  # fmt: skip
    assert [each["code"] for each in found] == ["GAT01", "GAT03"]
    found = told(tmp_path, "clearing.rules",
                 "gate delivery\n    ready    confirmed\n    wait     open",
                 "gate delivery\n    ready    confirmed",
                 "goods_back\n    wait     open", "goods_back\n    wait     opn",
                 template=GOODS)  # fmt: skip
    assert [(each["code"], len(each.get("follows", ()))) for each in found] == [
        ("GAT01", 0),
        ("GAT03", 1),
    ]


def test_T23g_what_follows_is_shown_below_its_cause(tmp_path: Path) -> None:
    told(tmp_path, "changes.rules", "tax_total,", "tax_totl,")
    shown = run("check", tmp_path / "rules", "--publish").stdout
    lines = [line.strip() for line in shown.split("\n") if line.strip().startswith("= ")]
    assert lines[0] == "= hint: Did you mean 'tax_total'?"
    assert lines[1].startswith("= so too: ")
    assert lines[1].endswith("changes.rules:6:1: 1 field is in no group: tax_total")
    assert "1 error, 0 warnings" in shown
    told(tmp_path, "shop.rules", "role accounts ", "role accounst ")
    shown = run("check", tmp_path / "rules").stdout
    assert re.search(r"= so too: and in 2\d more places\n", shown)
    told(tmp_path, "changes.rules", "tax_total,", "tax_totl,")
    sarif = json.loads(run("check", tmp_path / "rules", "--format", "sarif").stdout)
    (result,) = sarif["runs"][0]["results"]
    assert result["message"]["text"].endswith("1 field is in no group: tax_total.")
    github = run("check", tmp_path / "rules", "--format", "github").stdout
    assert "So too: " in github
    plain = run("check", tmp_path / "rules", "--publish", "--plain").stdout.split("\n")[0]
    assert plain.endswith("changes.rules:6:1: 1 field is in no group: tax_total.")


# ---- T20: what is right for the machine and hardly meant -----------------------------------------


@pytest.mark.parametrize("day", ["2206-01-01", "2101-01-01", "1026-01-01", "0206-01-01"])
def test_T20a_a_day_of_a_const_centuries_away_is_a_warning(tmp_path: Path, day: str) -> None:
    text = f"\nconst tea_limit\n    from {day} = 1.00\n"
    found = told(tmp_path, "clearing.rules", more=text)
    ((code, message, hint),) = short([each for each in found if each["code"] != "USE03"])
    assert (code, message) == ("TAB11", f"const 'tea_limit' counts from {day}, centuries away")
    assert hint == "Correct the year, or write from 1900-01-01 for what always counted."
    assert {each["severity"] for each in found} == {"warning", "style"}


def test_T20b_days_of_a_const_out_of_order_are_a_warning(tmp_path: Path) -> None:
    text = "\nconst tea_limit\n    from {} = 1.00\n    from {} = 2.00\n"
    turned = told(tmp_path, "clearing.rules", more=text.format("2026-07-01", "2026-01-01"))
    ((code, message, hint),) = short([each for each in turned if each["code"] != "USE03"])
    assert code == "TAB11"
    assert message == "const 'tea_limit': 2026-01-01 stands below 2026-07-01"
    assert hint == "Put the rows in the order of their days, or correct the day."
    far = told(tmp_path, "clearing.rules", more=text.format("2206-07-01", "2026-01-01"))
    assert sorted(each["code"] for each in far) == ["TAB11", "USE03"]
    for days in (("1900-01-01", "2026-07-01"), ("2026-01-01", "2099-12-31")):
        right = told(tmp_path, "clearing.rules", more=text.format(*days))
        assert {each["code"] for each in right} == {"USE03"}


@pytest.mark.parametrize(
    "condition",
    [
        "total = subtotal\n    and      tax_total < total\n    and      total = subtotal",
        "total = subtotal or tax_total < total or total = subtotal",
    ],
)
def test_T20c_a_condition_that_stands_twice_is_a_warning(tmp_path: Path, condition: str) -> None:
    ((code, message, hint),) = of_condition(tmp_path, condition)
    assert (code, hint) == ("LOG04", "Take it out, or correct it.")
    assert message == "'total = subtotal' says nothing new: it stands here already"


def test_T20d_conditions_that_differ_are_no_repetition(tmp_path: Path) -> None:
    assert of_condition(tmp_path, "total = subtotal or total = tax_total") == []
