# ruff: noqa: E501 - a mistake is a row
"""Every mistake is told once, in its place, with a way out."""

import pytest

from grammar import parse
from tests.grammar.kit import SHOP, only, problems

MISTAKES = [
    # title, what stands there, what somebody wrote, code, words of the message, words of the hint
    ("misspelt clause", "    require  is_whole", "    requires is_whole", "SYN08", "'requires'", "'require'"),
    ("misspelt declaration", "check total_adds", "chek total_adds", "SYN04", "'chek'", "'check'"),
    ("two equal signs", "channel = \"POS\"", "channel == \"POS\"", "SYN13", "is equal", "write ="),
    ("not equal of others", "sku <> ", "sku != ", "SYN13", "not equal", "<>"),
    ("at least of others", "ordered_on >= ", "ordered_on => ", "SYN13", "at least", ">="),
    ("and as signs", "= yes\n", "= yes && no\n", "SYN13", "words", "and"),
    ("hold without an owner", "    else     hold for accounts\n    say      \"The", "    else     hold\n    say      \"The", "SYN02", "'for'", "hold for ROLE"),
    ("check without a message", '    say      "The order is old."\n', "", "SYN09", "'say'", "owner"),
    ("check without an end", "    clears   never\n", "", "SYN03", "'clears'", "clears when it passes"),
    ("map without a message", '  say "Tax {key} has no rate."', "", "SYN02", "'say'", "say"),
    ("map without an owner", '    missing  hold for accounts  say "Tax {key} has no rate."\n', "", "SYN03", "'missing'", "missing hold"),
    ("post without owners", "    we own   the rest  else review by accounts\n", "", "SYN09", "'we'", "we own the rest"),
    ("post without a timing", "    daily    at 02:00 by paid_at\n", "", "SYN09", "'immediately'", "daily at"),
    ("a time as people say it", "daily    at 02:00 by", "daily    at 2am by", "SYN01", "a time", "02:00"),
    ("text not closed", '"Asia/Kuala_Lumpur"', '"Asia/Kuala_Lumpur', "SYN19", "not closed", "at its end"),
    ("single quotes", '"40000"', "'40000'", "SYN10", "double quotes", '"…"'),
    ("curly quotes", '"40000"', "\u201c40000\u201d", "SYN10", "curly", 'straight "'),
    ("a long dash", "today - 31d", "today \u2013 31d", "SYN11", "long dash", "-"),
    ("a hard space", "else     reject", "else\u00a0reject", "SYN11", "hard space", "blank"),
    ("a tab", "    ready   paid", "\tready   paid", "SYN12", "tab", "blanks"),
    ("a thousands comma", "= 5000.00", "= 5,000.00", "SYN14", "thousands", "5000.00"),
    ("an amount with its currency", "= 5000.00", "= RM 5000.00", "SYN16", "currency", "alone"),
    ("a number that starts with a point", "= 5000.00", "= .5", "SYN14", "digit", "0.5"),
    ("a spreadsheet date", "from 2026-01-01 = 5", "from 01/01/2026 = 5", "SYN15", "year-month-day", "2026-11-20"),
    ("a date with slashes", "from 2026-01-01 = 5", "from 2026/01/01 = 5", "SYN15", "year-month-day", "2026-11-20"),
    ("a short date", "from 2026-01-01 = 5", "from 2026-1-1 = 5", "SYN15", "two digits", "2026-01-05"),
    ("a spreadsheet date in a condition", "ordered_on >= today", "ordered_on >= 20/11/2026", "SYN15", "year-month-day", "2026-11-20"),
    ("a day that is none", "from 2026-01-01 = 5", "from 2026-02-30 = 5", "SYN20", "2026-02-30", "month"),
    ("a time that is none", "at 02:00 by", "at 25:00 by", "SYN20", "25:00", "23"),
    ("a comment of others", "    immediately\n", "    immediately   // at once\n", "SYN17", "#", "#"),
    ("a semicolon", "    else     reject\n", "    else     reject;\n", "SYN18", "semicolon", "delete"),
    ("bracket not closed", "sum(lines.amount) = total", "sum(lines.amount = total", "SYN02", "')'", "close the bracket"),
    ("and mixed with or", "or tin is missing", "or tin is missing and version = 1", "SYN22", "mixed", "brackets"),
    ("a reserved word as a field", "    pos       whole", "    no        whole", "SYN07", "'no'", "another name"),
    ("a declaration's word as a field", "    channel      text", "    target       text", "SYN06", "'target'", "column 1"),
    ("a clause in column 1", "    immediately\n    after", "immediately\n    after", "SYN05", "clause", "indent"),
    ("a status of the source unquoted", "returned as \"Refunded + Items Returned\"", "Refunded + Items Returned", "SYN01", "'Refunded'", "lower case"),
    ("the source's spelling in a gate", "    wait    pending, returned", '    wait    pending, "Refunded"', "SYN23", "plain word", "as"),
    ("a target field in lower case", "    InvoiceDate =", "    invoice_date =", "SYN01", "'invoice_date'", "Capital"),
    ("a text without quotes", 'Customer = "Cash"', "Customer = Cash", "SYN01", "'Cash'", "quotes"),
    ("a unit without its count", "    1 BOX  ", "    BOX    ", "SYN01", "'BOX'", "1 CTN = 12 PCS"),
    ("a gate hold without a reason", '  say "Goods of {number} came back."', "", "SYN02", "'say'", "say"),
    ("a gate hold without an owner", "returned  for accounts  say", "returned  say", "SYN01", "'say'", "hold for ROLE"),
    ("an unknown action", "    else     reject", "    else     refuse", "SYN01", "'refuse'", "form"),
    ("an action nearly right", "    else     reject", "    else     rejct", "SYN01", "'rejct'", "'reject'"),
    ("a role in quotes", "by       accounts\n    never", 'by       "accounts"\n    never', "SYN01", "a name", "without quotes"),
    ("line zero", "line 1.uom", "line 0.uom", "SYN14", "'0'", "1, 2, 3"),
    ("an endless number", "= 5000.00", "= " + "9" * 40, "SYN14", "too long", "28"),
    ("an endless duration", "today - 31d", "today - 99999999999999999999d", "SYN14", "too long", "365d"),
    ("another language", "language 1", "language 2", "SYN41", "language 1", "language 1"),
    ("a table of a later version", "gate order\n", "on edit of order\n", "SYN40", "not part of this version", "a person"),
    ("retry of a later version", "gate order\n", "retry aiaccount\n", "SYN40", "retry", "built in"),
    ("a link of a later version", "gate order\n", "link deliveries of order\n", "SYN40", "link", "take it out"),
    ("bill of a later version", "    after    aiaccount", "    bill     line.a of line.b\n    after    aiaccount", "SYN40", "bill", "whole order"),
    ("reversing of a later version", "sales_receipt as", "credit_note reversing aiaccount.sales_invoice as", "SYN40", "reversing", "out"),
    ("then of a later version", "    and      aiaccount.sales_receipt is posted as", "    then     status = paid\n    and      aiaccount.sales_receipt is posted as", "SYN40", "then", "given"),
    ("an action of a later version", "    else     reject", "    else     update", "SYN40", "'update'", "hold"),
    ("an outcome of a later version", "expect   posted", "expect   look up first", "SYN40", "'look'", "hold"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("right", "wrong", "code", "message", "hint"),
    [mistake[1:] for mistake in MISTAKES],
    ids=[mistake[0] for mistake in MISTAKES],
)
def test_a_mistake_is_told_in_its_line(
    right: str, wrong: str, code: str, message: str, hint: str
) -> None:
    assert SHOP.count(right) >= 1
    problem = only(SHOP.replace(right, wrong, 1))
    assert problem.code == code
    assert message in problem.message
    assert hint in problem.hint
    begin = SHOP[: SHOP.index(right)].count("\n") + 1
    end = begin + max(right.count("\n"), wrong.count("\n"))
    assert begin - 1 <= problem.span.line <= end


def test_the_column_is_that_of_the_mistake() -> None:
    for right, wrong, word in (
        ("sku <> ", "sku != ", "!="),
        ("else     reject", "else     refuse", "refuse"),
        ("= 5000.00", "= 5,000.00", "5,000.00"),
        ("    channel      text", "    target       text", "target"),
        ("check total_adds", "chek total_adds", "chek"),
    ):
        text = SHOP.replace(right, wrong, 1)
        span = only(text).span
        line = text.split("\n")[span.line - 1]
        assert line[span.column - 1 : span.end_column - 1] == word


def test_five_mistakes_are_five_problems() -> None:
    text = SHOP
    for title in (
        "misspelt clause",
        "curly quotes",
        "hold without an owner",
        "a tab",
        "bracket not closed",
    ):
        _, right, wrong, *_ = next(mistake for mistake in MISTAKES if mistake[0] == title)
        text = text.replace(right, wrong, 1)
    text = text.replace(
        "    require  sum(lines.amount = total", "    require  sum(lines.amount) = total"
    )
    text = text.replace("= 8000.00", "= 8,000.00")
    found = problems(text)
    assert [problem.code for problem in found] == ["SYN14", "SYN10", "SYN12", "SYN02", "SYN08"]
    assert all(problem.hint for problem in found)


def test_what_is_right_still_stands() -> None:
    ruleset, found = parse({"a": SHOP.replace("check total_adds", "chek total_adds")})
    assert len(found) == 1
    assert [check.name for check in ruleset.checks] == ["whole_pieces", "recent"]
    assert len(ruleset.tests) == 2


def test_too_deep_is_told_not_crashed() -> None:
    for deep in ("(" * 3000 + "1" + ")" * 3000, "not " * 3000 + "a", "1" + " + 1" * 5000):
        assert only(f"record a from b\n    x = {deep}\n").code == "SYN21"


def test_a_clause_before_any_declaration() -> None:
    assert only("    ready paid\n").code == "SYN05"


def test_habits_are_left_alone_in_texts_and_comments() -> None:
    text = 'role a "Don\u2019t; pay RM 5,000.00 on 20/11/2026 // ever"  # it\u2019s == fine;\n'
    assert problems(text) == ()


def test_signs_that_nobody_sees_are_named_and_long_words_cut() -> None:
    assert "'U+0000'" in only("role a \0\n").message
    assert len(only(f"{'x' * 5000}\n").message) < 80
