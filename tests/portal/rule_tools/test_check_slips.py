"""What `clearpost check` tells of rules that run, and never do what was meant.

Statuses that never come, conditions that today decides, fields that may be blank and are posted,
holds that nothing clears.
"""

import json
from pathlib import Path

import pytest

from tests.portal.rule_tools.test_check_tells import (
    CHECK,
    GOODS,
    SHOP,
    STARTERS,
    of_condition,
    short,
    told,
)
from tests.portal.rule_tools.test_cli_files import run

Told = tuple[str, ...]


# ---- T20: a status that the gate never lets through ----------------------------------------------


IGNORED = "'draft' never comes here: the gate of order ignores it"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("status = draft", IGNORED),
        ("status = cancelled", "'cancelled' never comes here: the gate of order takes it back"),
        ("(status = draft or total > 0.00)", IGNORED),
        ("status in (paid, draft)", IGNORED),
        ('status in (paid, "draft")', IGNORED),
        ("total > 0.00\n    and      status = draft", IGNORED),
    ],
)  # fmt: skip
def test_T20e_a_status_that_the_gate_ends_is_asked_in_vain(
    tmp_path: Path, condition: str, message: str
) -> None:
    found = of_condition(tmp_path, condition)
    hint = (
        "What comes here: paid, packed, delivered, pending, partly_delivered, returned,"
        " refunded_partly, refunded, exception."
    )
    assert ("GAT09", message, hint) in found, found
    when = CHECK.format(name="looked_at", condition="total > 0.00").replace(
        "    require", f"    when     {condition.split(chr(10))[0]}\n    require"
    )
    if "\n" not in condition:
        found = short(told(tmp_path, "clearing.rules", more=when))
        assert ("GAT09", message, hint) in found, found


@pytest.mark.parametrize(
    "condition",
    [
        "status <> draft",
        "not status in (draft, cancelled)",
        "status in (pending, paid)",
        "status = exception",
        "any(lines where qty > 0) or not status = draft",
    ],
)
def test_T20e_what_waits_or_is_held_is_checked_and_a_no_is_no_question(
    tmp_path: Path, condition: str
) -> None:
    assert "GAT09" not in {code for code, *_ in of_condition(tmp_path, condition)}


def test_T20e_an_approval_and_a_document_need_a_status_that_goes(tmp_path: Path) -> None:
    over = "when     total > approval_limit"
    found = short(told(tmp_path, "clearing.rules", over, f"{over} and status = pending"))
    assert [each[:2] for each in found] == [
        ("GAT09", "'pending' never comes here: the gate of order lets it wait")
    ]
    found = short(told(tmp_path, "posting.rules", "GoodsReturn  = (status = goods_back)",
                       "GoodsReturn  = (status = cancelled)", template=GOODS))  # fmt: skip
    assert [each[:2] for each in found] == [
        ("GAT09", "'cancelled' never comes here: the gate of refund takes it back")
    ]
    found = short(told(tmp_path, "posting.rules", "when     paid_at is known",
                       "when     paid_at is known and status in (paid, pending)"))  # fmt: skip
    assert [each[:2] for each in found] == [
        ("GAT09", "'pending' never comes here: the gate of order lets it wait")
    ]


def test_T20e_a_gate_of_one_route_speaks_for_that_route(tmp_path: Path) -> None:
    text = (STARTERS / GOODS / "clearing.rules").read_text("utf-8")
    gate = text[text.index("gate order\n") :].split("\n\n")[0]
    narrowed = gate.replace("gate order\n", "gate order for autocount.sales_order\n")
    narrowed = narrowed.replace("    cancel  ", "    wait    ")
    assert narrowed.count("cancelled") == 1
    check = CHECK.format(name="looked_at", condition="status = cancelled")
    for of, many in (("order", 0), ("order for autocount.invoice", 1)):
        more = f"\n{narrowed}\n{check.replace('on order', f'on {of}')}"
        found = told(tmp_path, "clearing.rules", template=GOODS, more=more)
        assert [each["code"] for each in found].count("GAT09") == many, (of, found)


# ---- T20: conditions that today decides ----------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ("today - 1d < today", "always"),
        ("today + 1d <= today", "never"),
        ("ordered_on <= ordered_on + 5d", "always"),
        ("ordered_on - 3d > ordered_on", "never"),
        ("now - 2h < now", "always"),
        ("today >= 2019-12-31", "always"),
        ("2019-12-31 > today", "never"),
        ("today = 2206-01-01", "never"),
        ("now < 2101-01-01 00:00", "always"),
    ],
)
def test_T20f_what_today_always_or_never_says_is_told(
    tmp_path: Path, condition: str, word: str
) -> None:
    ((code, message, _),) = of_condition(tmp_path, condition)
    assert (code, message) == ("LOG01", f"'{condition}' is {word} so, whatever the record holds")


@pytest.mark.parametrize(
    ("conditions", "code", "message"),
    [
        (("ordered_on > today", "ordered_on < today - 5d"), "LOG03",
         "'looked_at' can never pass: no 'ordered_on - today' fits all its conditions"),
        (("ordered_on > today", "today - ordered_on > 5d"), "LOG03",
         "'looked_at' can never pass: no 'ordered_on - today' fits all its conditions"),
        (("today < ordered_on", "today >= ordered_on"), "LOG03",
         "'looked_at' can never pass: no 'ordered_on - today' fits all its conditions"),
        (("ordered_on <= today or ordered_on > today - 3d",), "LOG04",
         "'ordered_on <= today or ordered_on > today - 3d' never fails: every value fits it"),
        (("paid_at > now", "paid_at + 1h < now"), "LOG03",
         "'looked_at' can never pass: no 'paid_at - now' fits all its conditions"),
    ],
)  # fmt: skip
def test_T20g_conditions_about_today_are_held_together(
    tmp_path: Path, conditions: tuple[str, ...], code: str, message: str
) -> None:
    found = of_condition(tmp_path, "\n    and      ".join(conditions))
    assert (code, message) in [each[:2] for each in found], found


@pytest.mark.parametrize(
    "condition",
    [
        "ordered_on <= today + 3d\n    and      ordered_on >= today - 60d",
        "today >= 2026-01-01",
        "ordered_on <> today or total > 0.00",
        "paid_at <= now\n    and      ordered_on <= today + 5d",
    ],
)
def test_T20g_what_a_record_decides_is_left_alone(tmp_path: Path, condition: str) -> None:
    found = of_condition(tmp_path, condition)
    assert {code for code, *_ in found} <= {"LOG06"}, found
    assert not {"LOG01", "LOG03", "LOG04"} & {code for code, *_ in found}


def test_T20g_two_checks_that_today_sets_against_each_other(tmp_path: Path) -> None:
    older = CHECK.format(name="older", condition="ordered_on < today - 300d")
    found = short(told(tmp_path, "clearing.rules", more=older))
    assert "LOG05" not in {each[0] for each in found}  # back_dated only warns: it stops nothing
    later = CHECK.format(name="later", condition="ordered_on > today + 2d")
    found = short(told(tmp_path, "clearing.rules", more=later))
    both = "'later' and 'not_in_the_future' can never both pass"
    assert ("LOG05", f"{both}: no 'ordered_on - today' fits both") in [each[:2] for each in found]


# ---- T20: fields that may be blank, and are posted -----------------------------------------------


@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        ("posting.rules", 'tin otherwise ""', "tin",
         "'CustomerTIN' needs 'tin', which may be blank: without it the order is held"),
        ("posting.rules", "= number", "= words(address)",
         "'Reference' needs 'address', which may be blank: without it the order is held"),
        ("posting.rules", "= number", "= debtor_of_tin(tin)",
         "'Reference' needs 'tin', which may be blank: without it the order is held"),
        ("shop.rules", "line.discount otherwise 0.00", "line.discount",
         "'off' needs 'discount', which may be blank: without it the order is held"),
        ("shop.rules", "line.price - line.off", "line.price - line.discount",
         "'amount' needs 'discount', which may be blank: without it the order is held"),
        ("posting.rules", 'as "{number}"', 'as "{number}-{tin}"',
         "the document number needs 'tin', which may be blank: without it the order is held"),
        ("posting.rules", "= total", "= total - sum(lines.discount)",
         "'Total' needs 'discount', which may be blank: without it the order is held"),
    ],
)  # fmt: skip
def test_T20h_an_optional_field_that_a_document_needs_is_told_where_it_is_named(
    tmp_path: Path, file: str, right: str, wrong: str, message: str
) -> None:
    found = [each for each in told(tmp_path, file, right, wrong) if each["code"] == "OPT02"]
    assert [(each["message"], each["severity"]) for each in found] == [(message, "warning")]
    text = (tmp_path / "rules" / file).read_text("utf-8")
    line = text[: text.index(wrong)].count("\n") + 1
    assert found[0]["span"]["line"] == line


@pytest.mark.parametrize(
    "guard",
    [
        ("posting.rules", "paid_at is known", "paid_at is known and tin is known"),
        ("clearing.rules", "check whole_pieces on",
         CHECK.format(name="named", condition="tin is known").lstrip() + "\ncheck whole_pieces on"),
        ("clearing.rules", "check whole_pieces on",
         CHECK.format(name="named", condition="is_tin(tin)").lstrip() + "\ncheck whole_pieces on"),
    ],
)  # fmt: skip
def test_T20h_what_the_route_or_a_check_asks_for_is_guarded(
    tmp_path: Path, guard: tuple[str, str, str]
) -> None:
    file, right, wrong = guard
    told(tmp_path, file, right, wrong)
    posting = tmp_path / "rules" / "posting.rules"
    posting.write_text(posting.read_text("utf-8").replace('tin otherwise ""', "tin"), "utf-8")
    found = json.loads(run("check", tmp_path / "rules", "--json").stdout)["findings"]
    assert "OPT02" not in {each["code"] for each in found}


def test_T20h_a_warning_is_no_guard_and_a_list_may_ask_for_itself(tmp_path: Path) -> None:
    warned = CHECK.format(name="named", condition="tin is known")
    warned = warned.replace("hold for accounts", "warn")
    told(tmp_path, "clearing.rules", more=warned)
    posting = tmp_path / "rules" / "posting.rules"
    text = posting.read_text("utf-8").replace('tin otherwise ""', "tin")
    less = " - sum(lines.discount where discount is known)"
    posting.write_text(text.replace("= total", f"= total{less}"), "utf-8")
    found = json.loads(run("check", tmp_path / "rules", "--json").stdout)["findings"]
    assert [each["message"] for each in found if each["code"] == "OPT02"] == [
        "'CustomerTIN' needs 'tin', which may be blank: without it the order is held"
    ]


def test_T20h_a_check_of_a_computed_field_has_its_note(tmp_path: Path) -> None:
    told(tmp_path, "shop.rules", "line.discount otherwise 0.00", "line.discount")
    shown = run("check", tmp_path / "rules", "--coverage").stdout
    assert "'total_adds' holds a record without 'line.discount', by way of 'off'" in shown


# ---- T20: holds that nothing clears --------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "what"),
    [("one_debtor", "map 'debtor_of_tin'"), ("whole_pieces", "the units table")],
)
def test_T20i_a_check_that_a_table_would_repair_may_clear(
    tmp_path: Path, check: str, what: str
) -> None:
    text = (STARTERS / SHOP / "clearing.rules").read_text("utf-8")
    block = text[text.index(f"check {check} ") :].split("\n\n")[0]
    wrong = block.replace("when it passes", "never")
    ((code, message, hint),) = short(told(tmp_path, "clearing.rules", block, wrong))
    assert code == "LOG07"
    assert message == f"'{check}' never clears, though a repair of {what} would let it pass"
    assert hint == "Write: clears when it passes."
    warned = wrong.replace("hold for sales_admin", "warn")
    assert short(told(tmp_path, "clearing.rules", block, warned)) == []


def test_T20i_a_check_of_the_record_alone_may_never_clear(tmp_path: Path) -> None:
    text = CHECK.format(name="looked_at", condition="total > tax_total")
    text = text.replace("when it passes", "never")
    assert short(told(tmp_path, "clearing.rules", more=text)) == []


# ---- T16, T20: signs that are no text, numbers that repeat, conditions that contradict -----------


def test_T16_a_control_character_anywhere_in_a_file_is_an_error_on_its_place(
    tmp_path: Path,
) -> None:
    """In a message, a name of a team and a comment: PostgreSQL keeps no NUL, no page shows it."""
    at = told(
        tmp_path,
        "clearing.rules",
        "TIN and customer",
        "TIN\0 and customer",
        "# What must",
        "# What\x07 must",
    )
    assert [(one["code"], one["severity"]) for one in at] == [("SYN11", "error")] * 2
    assert [(one["span"]["line"], one["span"]["column"]) for one in at] == [(1, 7), (24, 18)]
    assert at[1]["message"] == "a control character (U+0000), which is no text"
    (role,) = told(tmp_path, "shop.rules", '"Accounts team"', '"Accounts\x1b team"')
    assert role["message"] == "a control character (U+001B), which is no text"


@pytest.mark.parametrize("number", ["{total}", "{tax_total}-{total}", "{status}"])
def test_T20_a_number_that_many_records_have_alike_is_told(tmp_path: Path, number: str) -> None:
    ((code, message, hint),) = short(told(tmp_path, "posting.rules", "{number}", number))
    assert code == "POS04"
    assert message == f"two documents may get the same number: many records have '{number}' alike"
    assert hint == 'Put the key into it: as "{number}".'
    assert short(told(tmp_path, "posting.rules", "{number}", "{total}-{number}")) == []


def test_T20_a_route_that_asks_for_what_is_known_and_missing_never_goes(tmp_path: Path) -> None:
    never = ("paid_at is known", "paid_at is known and paid_at is missing")
    ((code, message, _),) = short(told(tmp_path, "posting.rules", *never))
    assert code == "POS20"
    assert message.endswith("no 'paid_at' fits its when")


def test_T20_a_file_that_says_its_language_twice_is_told(tmp_path: Path) -> None:
    twice = "language 1\n\nlanguage 1\n"
    (found,) = told(tmp_path, "clearing.rules", "language 1\n", twice)
    assert (found["code"], found["severity"], found["span"]["line"]) == ("SYN41", "warning", 4)
    assert found["message"] == "the file says its language twice: line 2 has it already"


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("2126-11-19", "2126-11-19 is far from the day of any document"),
        ("1926-11-19", "1926-11-19 is far from the day of any document"),
        ("ordered_on + 36525d", "36525d are 100 years"),
        ("ordered_on - 36525d", "36525d are 100 years"),
    ],
)
def test_T20_a_document_of_another_century_is_told(tmp_path: Path, day: str, message: str) -> None:
    date = "InvoiceDate             = ordered_on"
    found = told(tmp_path, "posting.rules", date, f"InvoiceDate             = {day}")
    assert [(one["code"], one["severity"], one["message"]) for one in found] == [
        ("TYP12", "warning", message)
    ]
    near = told(tmp_path, "posting.rules", date, f"{date} + 3653d")
    assert [one["code"] for one in near] == []
