"""What people bring along from spreadsheets, word processors and other languages.

Lives here: the table of habits, looked for outside texts and comments before anything is parsed.
Not here: what the parser stumbles over (`hints.py`). It is more than politeness: without it
`ordered_on >= 20/11/2026` would parse, as two divisions.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import Block


class Habit(NamedTuple):
    """A pattern, what it is, and what to write."""

    pattern: re.Pattern[str]
    code: str
    message: str
    hint: str


def _habit(pattern: str, code: str, message: str, hint: str) -> Habit:
    return Habit(re.compile(pattern), code, message, hint)


_DAY = "a date is written year-month-day"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_SPANS = "days?|hours?|hrs?|minutes?|mins|seconds?|secs?|weeks?|months?|years?"
_NO_SIGNS = "this language has words, not signs, for that"

HABITS = (
    _habit(
        "[\u201c\u201d\u201e\u00ab\u00bb]",
        "SYN10",
        "a curly quote from a word processor",
        'write a straight "',
    ),
    _habit(
        "[\u2018\u2019`']",
        "SYN10",
        "a text stands in straight double quotes",
        'write "…"',
    ),
    _habit(
        "[\u2013\u2014\u2212]",
        "SYN11",
        "a long dash from a word processor",
        "write a plain -",
    ),
    _habit(
        "[\u00a0\u2007\u202f\u3000]",
        "SYN11",
        "a hard space from a word processor",
        "write a plain blank",
    ),
    _habit("[\u200b\u200c\u200d\u2060\ufeff]", "SYN11", "an invisible sign", "delete it"),
    _habit(r"\t", "SYN12", "a tab", "write blanks: four for a clause"),
    _habit(r"==+", "SYN13", "'is equal' has one sign here", "write ="),
    _habit(r"!=|≠", "SYN13", "'is not equal' is written <> here", "write <>"),
    _habit(r"=<|≤", "SYN13", "'at most' is written <= here", "write <="),
    _habit(r"=>|≥", "SYN13", "'at least' is written >= here", "write >="),
    _habit(r"&&", "SYN13", _NO_SIGNS, "write and"),
    _habit(
        r"&",
        "SYN13",
        _NO_SIGNS,
        'write and between conditions; texts are put together in messages: say "{number} x"',
    ),
    _habit(r"\|\|", "SYN13", _NO_SIGNS, "write or"),
    _habit("×", "SYN13", "a multiplication sign from a word processor", "write *"),
    _habit("÷", "SYN13", "a division sign from a word processor", "write /"),
    _habit(
        r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w.])",
        "SYN14",
        "a thousands comma",
        "write the number without it: 5000.00",
    ),
    _habit(
        r"(?<![\w./])\d{1,2}/\d{1,2}/\d{2,4}(?![\w/])",
        "SYN15",
        _DAY,
        "write it like 2026-11-20",
    ),
    _habit(
        rf"(?<![\w.])\d{{1,2}}[ -]?(?:{_MONTHS})[a-z]*[ ,-]*\d{{2,4}}\b"
        rf"|\b(?:{_MONTHS})[a-z]* \d{{1,2}},? *\d{{4}}\b",
        "SYN15",
        _DAY,
        "write it like 2026-11-20",
    ),
    _habit(r"(?<![\w.-])\d{1,2}-\d{1,2}-\d{4}(?![\w-])", "SYN15", _DAY, "write it like 2026-11-20"),
    _habit(
        r"(?<![\w.])\d{1,2}\.\d{1,2}\.\d{4}(?![\w.])", "SYN15", _DAY, "write it like 2026-11-20"
    ),
    _habit(r"(?<![\w/])\d{4}/\d{1,2}/\d{1,2}(?![\w/])", "SYN15", _DAY, "write it like 2026-11-20"),
    _habit(
        r"(?<![\w-])\d{4}-(?:\d-\d{1,2}|\d{2}-\d)(?![\w-])",
        "SYN15",
        "month and day have two digits each",
        "write it like 2026-01-05",
    ),
    _habit(
        r"(?<![\w.])(?:(?:RM|MYR|SGD|USD) ?(?=\d)|[$€£¥]|\d+(?:\.\d+)? ?(?:RM|MYR|SGD|USD)\b)",
        "SYN16",
        "an amount is written without its currency",
        "write the number alone; the source names the currency",
    ),
    _habit(
        r"(?<![\w.])\d+(?:\.\d+)? +(?:%(?! *[\d(])|percent\b|per +cent\b|pct\b)",
        "SYN14",
        "a percentage and its sign stand together",
        "write it without a blank, with the sign: 10%",
    ),
    _habit(
        rf"(?<![\w.:-])\d+(?:\.\d+)? *(?:{_SPANS})\b|(?<![\w.:-])\d+ +(?:min|s|h|d)\b",
        "SYN14",
        "a duration is one word, in days, hours, minutes or seconds",
        "write it like 31d, 72h, 5min or 30s",
    ),
    _habit(
        r"(?<![\w.])\d+(?:\.\d+)?[kK]\b",
        "SYN14",
        "a letter for thousands",
        "write all digits: 5000.00",
    ),
    _habit(
        r"(?<![\w.])\.\d",
        "SYN14",
        "a number starts with a digit",
        "write a digit before the point: 0.5",
    ),
    _habit(r"//|/\*|--", "SYN17", "a comment starts with #", "write # instead"),
    _habit(r";", "SYN18", "no semicolon: each clause ends with its line", "delete it"),
)

IN_TABLES = (
    _habit(
        r"^\s*\|[\s:|+-]*--[\s:|+-]*$",
        "SYN29",
        "a table has no ruled line",
        "delete it: the rows follow the head",
    ),
    _habit(
        r"(?<=\|)\s*\|\s*$",
        "SYN24",
        "this row does not say what to do",
        "end it with an action, such as review by ROLE, or block",
    ),
    _habit(r"(?<=\|)\s*\|", "SYN24", "an empty cell", "write - where every value fits"),
    _habit(r"\*", "SYN24", "an empty cell is written -", "write - where every value fits"),
    *[habit for habit in HABITS if habit.message != _NO_SIGNS or habit.hint != "write or"],
)
"""The same for a row of a table, where two bars are no `or`."""

_TEXT = re.compile(r'"[^"\n]*"')
_COMMENT = re.compile(r"#[^\n]*")


def bare(text: str) -> str:
    """The lines with their texts blacked out and their comments cut off; the columns stay."""
    text = _TEXT.sub(lambda found: '"' + "x" * (len(found.group()) - 2) + '"', text)
    return _COMMENT.sub("", text)


def habits(block: Block, file: str) -> Iterator[Problem]:
    """The first habit of each line."""
    text = bare(block.text)
    if "|" not in text and not any(habit.pattern.search(text) for habit in HABITS):
        return  # the usual case, told quickly
    for number, seen in enumerate(text.split("\n"), block.first):
        table = IN_TABLES if seen.lstrip(" ").startswith("|") else HABITS
        hits = [(hit.start(), hit.end(), habit) for habit in table if (hit := _first(habit, seen))]
        if hits:
            start, end, habit = min(hits, key=lambda hit: hit[0])
            span = Span(file, number, start + 1, number, end + 1)
            yield Problem(habit.code, habit.message, habit.hint, span)


def _first(habit: Habit, line: str) -> re.Match[str] | None:
    return habit.pattern.search(line)
