# ruff: noqa: E501 - a mistake is a row
"""Every mistake is told once, in its place, with a way out."""

import re

import pytest

from grammar.parsing.parser import parse
from tests.grammar.kit import SHOP, WAREHOUSE, only, problems

MISTAKES = [
    # title, what exists there, what somebody wrote, code, words of the message, words of the hint
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
    ("an unknown action", "    else     reject", "    else     refuse", "SYN01", "'refuse'", "reject"),
    ("an action nearly right", "    else     reject", "    else     rejct", "SYN01", "'rejct'", "'reject'"),
    ("a role in quotes", "by       accounts\n    never", 'by       "accounts"\n    never', "SYN01", "a name", "without quotes"),
    ("line zero", "line 1.uom", "line 0.uom", "SYN14", "'0'", "1, 2, 3"),
    ("an endless number", "= 5000.00", "= " + "9" * 40, "SYN14", "too long", "28"),
    ("an endless percentage", "10%", "9" * 40 + "%", "SYN14", "too long", "28"),
    ("an endless duration", "today - 31d", "today - 99999999999999999999d", "SYN14", "too long", "365d"),
    ("a reserved word of tables", "    channel      text", "    retry        text", "SYN06", "'retry'", "column 1"),
    ("trying again outside its table", "    else     reject", "    else     try 3 times from 5s then reject", "SYN01", "'try'", "retry table"),
    ("a table in a check", "    clears   never\n", "    clears   never\n    | a | do |\n", "SYN01", "'|'", "on edit"),
    ("a clause of another declaration", "    ready   paid, packed, delivered\n", "    ready   paid, packed, delivered\n    clears  never\n", "SYN01", "'clears'", "a clause of check"),
    ("a clause too late", "    else     warn\n    say      \"The order is old.\"\n", "    say      \"The order is old.\"\n    else     warn\n", "SYN09", "'say'", "otherwise"),
    ("a clause twice", "    when     paid_at is known\n", "    when     paid_at is known\n    when     total > 0.00\n", "SYN01", "'when'", "above already"),
    ("if, as elsewhere", "sku <> \"X\") = 0", "sku <> \"X\" if total > 0) = 0", "SYN01", "'if'", "where"),
    ("is null", "    when     paid_at is known\n", "    when     paid_at is null\n", "SYN13", "'is null'", "is missing"),
    ("is not", "    when     paid_at is known\n", "    when     paid_at is not known\n", "SYN13", "'is not known'", "is missing"),
    ("where without what", "count(lines where qty <= 0 and sku <> \"X\")", "count(lines where)", "SYN01", "')'", "which ones"),
    ("a route without its document", "after    aiaccount.sales_invoice", "after    aiaccount", "SYN02", "'.'", "TARGET.DOCUMENT"),
    ("an edited keyword", "    immediately\n", "    immediatly\n", "SYN01", "'immediatly'", "'immediately'"),
    ("another language", "language 1", "language 2", "SYN41", "language 1", "language 1"),
    ("an older language", "language 1", "language 0.9", "SYN41", "language 1", "language 1"),
    ("a declaration of other languages", "check total_adds", "rule total_adds", "SYN04", "'rule'", "is a check"),
    ("a file that names another", "language 1", "include other", "SYN04", "'include'", "all rule files"),
    ("a word of expressions as a field", "    pos       whole", "    known     whole", "SYN07", "'known'", "another name"),
    ("a tab in the middle", "else     reject", "else\treject", "SYN12", "tab", "blanks"),
    ("an amount in dollars", "= 5000.00", "= $5000.00", "SYN16", "currency", "alone"),
    ("a comment of databases", "    immediately\n", "    immediately   -- at once\n", "SYN17", "#", "#"),
    ("semicolons between statuses", "paid, packed, delivered", "paid; packed, delivered", "SYN18", "semicolon", "delete"),
    ("a message not closed", 'say      "The order is old."', 'say      "The order is old.', "SYN19", "not closed", "at its end"),
    ("brackets in brackets in brackets", "today - 31d", "(" * 61 + "today" + ")" * 61 + " - 31d", "SYN21", "nested", "a name"),
    ("sums in sums in sums", "today - 31d", "today - (" + "(1d + " * 61 + "1d" + ")" * 61 + ")", "SYN21", "nested", "a name"),
    ("or mixed with and", "or tin is missing", "or tin is missing and tin is known or version = 1", "SYN22", "mixed", "brackets"),
]  # fmt: skip

IN_TABLES = [
    # the same for links, tables, parts, reversals and steps
    ("an action nobody knows", "| -      | block            |", "| -      | erase            |", "SYN26", "'erase' is no action", "'void'"),
    ("an action in one word", "| credit note and new |", "| credit_note_and_new |", "SYN26", "no action", "'credit note and new'"),
    ("an action in the plural", "| new document |", "| new documents |", "SYN08", "'documents'", "'document'"),
    ("an action with a capital", "| block            |", "| Block            |", "SYN01", "'Block'", "'block'"),
    ("a row that ends with a value", "| party               | open   | update              |", "| party               | open   |", "SYN26", "'open' is no action", "what to do"),
    ("a row without an action", "| goods            | new document |", "| goods            |              |", "SYN24", "what to do", "review by ROLE"),
    ("an empty cell", "| locked | -              | -         | -      | b", "| locked |                | -         | -      | b", "SYN24", "an empty cell", "write -"),
    ("two bars", "| locked | -              | -         | -      | b", "| locked || -         | -      | b", "SYN24", "an empty cell", "write -"),
    ("a star for any", "| open   | -              | yes", "| open   | *              | yes", "SYN24", "an empty cell", "write -"),
    ("a dash for any", "| open   | -              | yes", "| open   | \u2013              | yes", "SYN11", "long dash", "-"),
    ("a row too short", "| locked | -              | -         | -      | b", "| locked | -              | -         | b", "SYN25", "3 conditions, the head has 4", "| period | e_invoice_age | goods_out | status | do |"),
    ("a row too long", "| party               | open   | update", "| party               | open   | -  | update", "SYN25", "3 conditions, the head has 2", "- for any"),
    ("a row not closed", "| open   | update              |", "| open   | update", "SYN02", "not closed", "|"),
    ("a row not opened", "    | party               | open", "      party               | open", "SYN09", "'party'", "between bars"),
    ("a head without do", "| changed          | do           |", "| changed          | action       |", "SYN26", "'action'", "called do"),
    ("a head with a capital", "| changed          | do           |", "| Changed          | do           |", "SYN01", "'Changed'", "lower case"),
    ("a column twice", "e_invoice_age  | goods_out", "e_invoice_age  | period", "SYN28", "'period' stands twice", "keep one"),
    ("a column three times", "e_invoice_age  | goods_out", "e_invoice_age  | e_invoice_age", "SYN28", "'e_invoice_age' stands twice", "keep one"),
    ("a ruled line as in plain text", "    | goods            | new", "    |:----------------:|:--|\n    | goods            | new", "SYN29", "ruled line", "delete"),
    ("a ruled line below the head", "    | goods            | new", "    |------------------|---|\n    | goods            | new", "SYN29", "ruled line", "delete"),
    ("an action of a cancel in an edit", "| open   | update              |", "| open   | void                |", "SYN27", "'void' cannot stand in a table of 'on edit'", "update"),
    ("an action of an edit in a cancel", "\"void\" | void", "\"void\" | update", "SYN27", "'update'", "void"),
    ("trying again in an edit", "| open   | update              |", "| open   | try 2 times from 5s then hold for ledger |", "SYN27", "'try'", "review by ROLE"),
    ("a block in a retry", "| look up first  ", "| block          ", "SYN27", "'block'", "look up first"),
    ("a try that ends in a block", "then hold for helpdesk |\n    | uncertain", "then block |\n    | uncertain", "SYN27", "'block'", "then hold for ROLE"),
    ("a status named like an action", "\"void\" | void", "void | void", "SYN26", "behind the action 'void'", '"void"'),
    ("a status of the source", "\"void\" | void", "Voided | void", "SYN23", "plain word", "as"),
    ("or in a cell", "| rest, not_ready  |", "| rest or not_ready |", "SYN01", "'or'", "comma"),
    ("a condition in a cell", "| > 72h          |", "| e_invoice_age > 72h |", "SYN01", "'>'", "> 72h"),
    ("a hold without an owner", "| hold for ledger  |\n\nretry", "| hold             |\n\nretry", "SYN01", "'for'", "hold for ROLE"),
    ("a hold for nobody", "| hold for ledger  |\n\nretry", "| hold for         |\n\nretry", "SYN01", "a name", "hold for ROLE"),
    ("a hold without its for", "| hold for ledger  |\n\nretry", "| hold ledger      |\n\nretry", "SYN01", "'ledger'", "hold for ROLE"),
    ("a hold by a role", "| hold for ledger  |\n\nretry", "| hold by ledger   |\n\nretry", "SYN01", "'by'", "hold for ROLE"),
    ("a review for a role", "| -      | review by ledger", "| -      | review for ledger", "SYN01", "'for'", "review by ROLE"),
    ("half a credit note", "| credit note      |", "| credit           |", "SYN01", "'note'", "credit note"),
    ("half a look up", "look up first ", "look up ", "SYN01", "'first'", "look up first"),
    ("tries without a pause", "5 times from 30s then hold for helpdesk |", "5 times |", "SYN01", "'from'", "from 30s"),
    ("tries without an end", "5 times from 30s then hold for helpdesk |", "5 times from 30s |", "SYN01", "'then'", "hold for ROLE"),
    ("tries in words", "try 5 times", "try five times", "SYN01", "'five'", "figures"),
    ("half a try", "try 5 times", "try 0.5 times", "SYN14", "'0.5'", "1, 5"),
    ("a pause without its unit", "from 30s then", "from 30 then", "SYN01", "'30'", "30s"),
    ("retries of a route", "retry books\n", "retry books.invoice\n", "SYN01", "'.'", "of a target"),
    ("a retry without a table", "retry books\n", "retry books\n    hold for ledger\n", "SYN09", "'hold'", "| error | do |"),
    ("a cancel without a table", "retry books\n", "on cancel of trip\n\nretry books\n", "SYN03", "'|'", "a table follows"),
    ("a row in column 1", "    | uncertain ", "| uncertain ", "SYN05", "a row of a table", "indent"),
    ("an edit called otherwise", "on edit of order\n", "on change of order\n", "SYN01", "'change'", "on edit of"),
    ("an edit of two records", "on edit of order\n", "on edit of order, trip\n", "SYN01", "','", "one for each"),
    ("an edit without of", "on edit of order\n", "on edit order\n", "SYN01", "'order'", "on edit of"),
    ("an edit without groups", "    goods    = lines\n    rest     = status, total, buyer, branch, placed_on\n", "", "SYN09", "'|'", "groups of fields first"),
    ("a group below its table", "    | goods            | new document |\n", "    | goods            | new document |\n    more = total\n", "SYN01", "the table has begun", "above"),
    ("a group with a capital", "    goods    = lines\n", "    goods    = Lines\n", "SYN01", "'Lines'", "lower case"),
    ("a link without an end", "    at most  40  else hold for helpdesk\n", "", "SYN03", "'at'", "at most 60"),
    ("a link that says not what then", "    at most  40  else hold for helpdesk\n", "    at most  40\n", "SYN02", "'else'", "if there are more"),
    ("a link with at least", "at most  40", "at least 40", "SYN01", "'least'", "at most"),
    ("an end in words", "at most  40", "at most  forty", "SYN01", "'forty'", "figures"),
    ("an end that is no whole number", "at most  40", "at most  4.5", "SYN14", "'4.5'", "at most"),
    ("a link by one field", "    by       order_number = number\n    where", "    by       order_number\n    where", "SYN02", "'='", "THEIR_FIELD"),
    ("a link by nothing", "    by       order_number = number\n    where", "    where", "SYN09", "'by'", "which fields are equal"),
    ("a link from nowhere", "    from     trip\n", "", "SYN09", "'from'", "from RECORD"),
    ("a link to a record", "link trips of order", "link trips to order", "SYN01", "'to'", "of RECORD"),
    ("a bill of nothing", "line.shipped of line.qty", "line.shipped", "SYN01", "'of'", "of how much"),
    ("a bill without its rest", "line.qty  else wait\n", "line.qty\n", "SYN02", "'else'", "else wait"),
    ("a bill too late", "    bill     line.shipped of line.qty  else wait\n    they own Remark\n", "    they own Remark\n    bill     line.shipped of line.qty  else wait\n", "SYN01", "'bill'", "the order is"),
    ("a reversal with a timing", "    they own Remark\n    we own   the rest  else block\n", "    immediately\n    they own Remark\n", "SYN01", "'immediately'", "neither timing"),
    ("a reversal of half a route", "reversing books.invoice", "reversing books", "SYN01", "'as'", "TARGET.DOCUMENT"),
    ("a reversal without its number", ' as "CN-{reversed}"', "", "SYN02", "'as'", "number"),
    ("reverses", "reversing", "reverses", "SYN01", "'reverses'", "'reversing'"),
    ("then behind expect", "    expect   books.credit_note\n", "    expect   books.credit_note\n    then     total = 1\n", "SYN01", "'then'", "given, and, then, expect"),
    ("and behind expect", "    expect   books.credit_note\n", "    expect   books.credit_note\n    and      total = 1\n", "SYN01", "'and'", "given, and, then, expect"),
    ("then nothing", "then     trips = (first_trip, first_trip), status = shipped", "then", "SYN02", "'at'", "then status"),
    ("a silence without a reason", ' because "They are called by phone."', "", "SYN02", "'because'", "reason"),
    ("a silence whose reason is no text", 'because "They', 'because They', "SYN01", "'They'", "quotes"),
    ("a silence of two", "silence USE02", "silence USE02, USE03", "SYN01", "','", "one for each"),
    ("a silence by name", "silence USE02", "silence unused", "SYN01", "'unused'", "capitals"),
    ("a silence of everything", "silence USE02 of helpdesk", "silence USE02", "SYN01", "'of'", "which declaration"),
    ("an outcome nobody knows", "void because", "cancelled because", "SYN01", "'cancelled'", "an outcome is"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("whole", "right", "wrong", "code", "message", "hint"),
    [
        *((SHOP, *mistake[1:]) for mistake in MISTAKES),
        *((WAREHOUSE, *mistake[1:]) for mistake in IN_TABLES),
    ],
    ids=[mistake[0] for mistake in [*MISTAKES, *IN_TABLES]],
)
def test_a_mistake_is_told_in_its_line(
    whole: str, right: str, wrong: str, code: str, message: str, hint: str
) -> None:
    assert whole.count(right) >= 1
    problem = only(whole.replace(right, wrong, 1))
    assert problem.code == code
    assert message in problem.message
    assert hint in problem.hint
    begin = whole[: whole.index(right)].count("\n") + 1
    end = begin + max(right.count("\n"), wrong.count("\n"))
    assert begin - 1 <= problem.span.line <= end


def test_the_column_is_that_of_the_mistake() -> None:
    for right, wrong, word in (
        ("sku <> ", "sku != ", "!="),
        ("else     reject", "else     refuse", "refuse"),
        ("= 5000.00", "= 5,000.00", "5,000.00"),
        ("    channel      text", "    target       text", "target"),
        ("check total_adds", "chek total_adds", "chek"),
        ("goods            | new document", "goods            | new documents", "documents"),
        ("look up first ", "look up last ", "last"),
        ("| update  ", "| void ", "void"),
        ("at most  40", "at most  4.5", "4.5"),
    ):
        text = (SHOP if right in SHOP else WAREHOUSE).replace(right, wrong, 1)
        span = only(text).span
        line = text.split("\n")[span.line - 1]
        assert line[span.column - 1 : span.end_column - 1] == word


_NUMBER = re.compile(r"(?<![\w.\"-])(\d+)(?:\.\d+)?(%|s|min|h|d)?(?![\w\"-])")
_QUOTED = re.compile(r'"[^"\n]*"|#.*|\d{4}-\d\d-\d\d|\d\d:\d\d')


@pytest.mark.parametrize("whole", [SHOP, WAREHOUSE], ids=["shop", "warehouse"])
def test_a_number_that_is_too_long_is_told_wherever_it_stands(whole: str) -> None:
    bare = _QUOTED.sub(lambda found: "x" * len(found.group()), whole)
    places = [*_NUMBER.finditer(bare)]
    assert len({found.group(2) for found in places}) > 2  # numbers, and two that have a unit
    for found in places:
        at, digits = found.span(1)
        wrong = f"{whole[:at]}{'9' * 40}{whole[digits:]}"
        told = problems(wrong)
        if whole[:at].endswith("language "):
            assert [problem.code for problem in told] == ["SYN41"]
            continue
        line = whole[:at].count("\n") + 1
        assert [(p.code, p.span.line) for p in told] == [("SYN14", line)], found
        assert told[0].span.column == at - whole.rfind("\n", 0, at)


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


def test_each_wrong_row_of_a_table_is_told() -> None:
    text = WAREHOUSE.replace("| party               | open   | update ", "| party | void ")
    text = text.replace("| -      | review by ledger    |  # draft", "| -      | drop |  # draft")
    assert [problem.code for problem in problems(text)] == ["SYN25", "SYN27", "SYN27"]
    text = WAREHOUSE.replace("| goods            |", "|      |").replace("| ignore       |", "|  |")
    assert [problem.code for problem in problems(text)] == ["SYN24", "SYN24"]


def test_bars_outside_tables_are_still_an_or() -> None:
    assert only("record a from b\n    x = a || b\n").hint == "write or"
