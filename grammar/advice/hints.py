"""Tables of hints for syntax errors, and the patterns of habits from other languages."""

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from grammar.text.problem import Meant, Problem, Span
from grammar.text.vocabulary import Block

CLAUSES = {
    "SAY": 'tell the owner what is wrong: say "…"',
    "CLEARS": "say how it clears: clears when it passes, clears by ROLE, or clears never",
    "ELSE": "say what happens otherwise: else hold for ROLE",
    "REQUIRE": "say what must be true: require …",
    "MISSING": 'say who owns what is missing: missing hold for ROLE say "…"',
    "IMMEDIATELY": "say when it goes: immediately, or daily at 02:00 by FIELD",
    "WE": "say who owns the fields after posting: we own the rest else review by ROLE",
    "MATCH": "say how keys are compared: match exact, or match trimmed, any case",
    "BASE": "name the unit that stock is counted in: base PCS",
    "CURRENCY": "name the currency of the source: currency MYR",
    "ZONE": 'name the time zone of the source: zone "Asia/Kuala_Lumpur"',
    "ROUNDING": "say how it rounds: rounding per line then sum to 0.01",
    "TOLERANCE": "say what may differ: tolerance 0.00 else hold for ROLE",
    "UNIQUE": "say what may exist once: unique by FIELD in history",
    "GIVEN": "a test starts from a sample: given SAMPLE",
    "EXPECT": "a test ends with what must come out: expect ready",
    "BY": "name who decides: by ROLE",
}
"""A clause that is not there yet -> how to write it; the first that was expected counts."""

CLAUSES_OF = {
    ("link", "FROM"): "name the records that are linked: from RECORD",
    ("link", "BY"): "say which fields are equal: by THEIR_FIELD = OUR_FIELD",
    ("link", "AT"): "say how many there may be: at most 60 else hold for ROLE",
    ("on", "NAME"): "name the groups of fields first: amounts = total, lines",
    ("on", "VBAR"): "a table follows: | period | do |, and a row between bars for each case",
    ("retry", "VBAR"): "a table follows: | error | do |, and a row between bars for each case",
}
"""(declaration, clause or row that is not there) -> how to write it; before CLAUSES."""

WANTED = {
    ("at", "MOST"): "say how many there may be: at most 60 else hold for ROLE",
    ("at", "ELSE"): "say what happens if there are more: else hold for ROLE",
    ("by", "EQUAL"): "say which fields are equal: by THEIR_FIELD = OUR_FIELD",
    ("bill", "OF"): "say of how much: bill line.delivered of line.ordered else wait",
    ("bill", "ELSE"): "say what becomes of the rest: else wait, or else drop",
    ("amount", "NOT"): "say so whole: amount not compared because …",
    ("amount", "COMPARED"): "say so whole: amount not compared because …",
    ("amount", "BECAUSE"): 'give the reason: because "…"',
    (
        "clears",
        "NEVER",
    ): "say how it clears: clears when it passes, clears by ROLE, or clears never",
    ("allows", "NO"): "say what may go: allows no lines, negative quantities, negative totals",
    ("we", "ELSE"): "say what happens if they change it: else review by ROLE",
    ("link", "OF"): "say of which record: link NAME of RECORD",
    ("silence", "OF"): "say of which declaration: silence USE03 of NAME",
    ("silence", "BECAUSE"): 'give the reason: because "…"',
    ("post", "AS"): 'give the document its number: as "{number}"',
    ("expect", "POSTED"): "an outcome is ready, posted, wait, approve by ROLE, or an action",
    ("expect", "FIRST"): "write look up first",
}
"""(first word of the line, what was expected) -> how to write it."""

MET = {
    ("on", "_C"): "an edit table speaks of one record: write one for each",
    ("on", "CODE"): "fields of a record are in lower case",
    ("approve", "_C"): "an approval speaks of one record: write one for each",
    ("silence", "_C"): "write one for each finding",
    ("retry", "DOT"): "a retry table speaks of a target, not of one route: retry autocount",
}
"""(declaration, what was met) -> what to write."""

_NAMED = "a value that rules name is a const, a formula is a field of its record"

DECLARED = {
    "rule": "what must be true is a check: check NAME on RECORD",
    "assert": "what must be true is a check: check NAME on RECORD",
    "if": "a condition stands inside a declaration, behind when or require",
    "include": "all rule files of a folder belong together: leave it out",
    "import": "all rule files of a folder belong together: leave it out",
    "let": _NAMED,
    "var": _NAMED,
    "define": _NAMED,
    "function": "there are no functions of your own: a formula is a field of its record",
    "def": "there are no functions of your own: a formula is a field of its record",
    "table": "a table of values is a map, a table of decisions stands below on edit or on cancel",
    "enum": "statuses stand in their record: status one of draft, paid",
    "end": "a declaration ends where the next one begins: delete it",
    "}": "a declaration ends where the next one begins: delete it",
    "order": "what arrives is declared as a record: record order from SOURCE",
}
"""A word of other languages in column 1 -> what to write."""

_NO_IF = (
    "a formula has no if: give each case a check with its own when, a list its where, or use a map"
)

_NO_REST = "there is no remainder: is_whole(total / 5) asks whether a number divides"

_NO_PARTS = "texts are neither cut nor put together: compare the whole, or use a map"

SIGNS = {
    "%": f"a percentage is a number with its sign, 6%; {_NO_REST}",
    "?": f"there is no ? and : here; {_NO_IF}",
    "^": "there are no powers: multiply",
    "|": "write or",
    "!": "write not",
    "[": "lines have no numbers: ask them all, any(lines where …), or sum(lines.qty where …)",
}
"""A sign of other languages in a condition -> what to write."""

WORDS = {
    "if": _NO_IF,
    "unless": "write when not …",
    "equals": "write =",
    "contains": "compare the whole: status in (paid, packed)",
    "between": "write two comparisons: total >= 10.00 and total <= 20.00",
    "else": "each declaration has one else, at its end",
    "null": "write is missing",
    "none": "write is missing",
    "true": "write yes",
    "false": "write no",
    "iif": _NO_IF,
    "case": _NO_IF,
    "then": _NO_IF,
    "select": "nothing is selected here: name the field, or add up a list: sum(lines.qty where …)",
    "like": "there are no patterns: compare the whole, status in (paid, packed), or use a map",
    "vlookup": "look it up in a map, by its name: debtor(customer)",
    "mod": _NO_REST,
    "empty": "write is missing",
    "isblank": "write is missing",
    "isnull": "write is missing",
    "iferror": "write what stands in for it: discount otherwise 0.00",
    "ifnull": "write what stands in for it: discount otherwise 0.00",
    "coalesce": "write what stands in for it: discount otherwise 0.00",
    "nvl": "write what stands in for it: discount otherwise 0.00",
    "sumif": "a sum has its own condition: sum(lines.amount where qty > 1)",
    "sumifs": "a sum has its own condition: sum(lines.amount where qty > 1)",
    "countif": "a count has its own condition: count(lines where qty > 1)",
    "countifs": "a count has its own condition: count(lines where qty > 1)",
    "concat": _NO_PARTS,
    "concatenate": _NO_PARTS,
    "left": _NO_PARTS,
    "right": _NO_PARTS,
    "mid": _NO_PARTS,
    "len": _NO_PARTS,
    "upper": "texts are compared in any case by a map that says match any case",
    "lower": "texts are compared in any case by a map that says match any case",
    "trim": "write words(…), which leaves single blanks",
    "xlookup": "look it up in a map, by its name: debtor(customer)",
    "hlookup": "look it up in a map, by its name: debtor(customer)",
    "average": "divide the sum by the count: sum(lines.amount) / count(lines)",
    "avg": "divide the sum by the count: sum(lines.amount) / count(lines)",
    "roundup": "round(x, 0.01) rounds halves away from zero; there is no other rounding",
    "rounddown": "round(x, 0.01) rounds halves away from zero; there is no other rounding",
}
"""A word of other languages -> what to write."""

PAIRS = {
    ("_NL", "hold"): "name the owner: hold for ROLE",
    ("_NL", "review"): "name who looks at it: review by ROLE",
    ("_NL", "say"): 'write the message in quotes: say "…"',
    ("_NL", "one"): "list the statuses: one of draft, paid, cancelled",
    ("_NL", "for"): "name it: a role behind hold, a route such as target.document elsewhere",
    ("_NL", "by"): "name the role or the field",
    ("_NL", "as"): 'write it in quotes: as "…"',
    ("_NL", "daily"): "say by which field, and when if not at 02:00: daily at 02:00 by paid_at",
    ("_NL", "="): "write the value behind the =",
    ("_NL", ","): "a list goes on behind its comma: in the same line, or indented in the next",
    ("VBAR", "hold"): "name the owner: hold for ROLE",
    ("VBAR", "for"): "name the role that holds it: hold for ROLE",
    ("VBAR", "review"): "name who looks at it: review by ROLE",
    ("VBAR", "by"): "name the role that looks at it: review by ROLE",
    ("FOR", "review"): "a review is done by a role: review by ROLE",
    ("NAME", "review"): "a review is done by a role: review by ROLE",
    ("BY", "hold"): "a hold waits for a role: hold for ROLE",
    ("VBAR", "credit"): "write credit note, or credit note and new",
    ("VBAR", "new"): "write new document",
    ("VBAR", "look"): "write look up first",
    ("VBAR", "up"): "write look up first",
    ("VBAR", "try"): "say how often and what then: try 5 times from 30s then hold for ROLE",
    ("NAME", "try"): "count the tries in figures: try 5 times from 30s then hold for ROLE",
    ("VBAR", "times"): "say the first pause and what then: try 5 times from 30s then hold for ROLE",
    ("THEN", "times"): "say the first pause: try 5 times from 30s then hold for ROLE",
    ("NUMBER", "from"): "a pause has its unit: 30s, 5min, 2h",
    ("NAME", "most"): "count them in figures: at most 60",
    ("_NL", "most"): "say how many there may be: at most 60 else hold for ROLE",
    ("RPAR", "where"): "say which ones: where status = delivered",
    ("NAME", "if"): _NO_IF,
    ("NAME", "is"): "write is known, or is missing; a status is compared by =, as in status = paid",
    ("NOT", "is"): "write not in front of it: not paid_at is known",
    ("EQUAL", "is"): "write = alone, without is",
    ("NAME", "on"): "on edit of RECORD, or on cancel of RECORD",
    ("NAME", "edit"): "say of which record: on edit of RECORD",
    ("NAME", "cancel"): "say of which record: on cancel of RECORD",
    ("_NL", "then"): "say what happens then: then status = cancelled",
    ("NAME", "at"): "write hours and minutes: 02:00",
    ("NUMBER", "at"): "write hours and minutes: 02:00",
    ("NAME", "own"): "a field of the target starts with a Capital",
    ("STRING", "by"): "a role is a name that a role declaration gives, without quotes",
    ("STRING", "for"): "a role is a name that a role declaration gives, without quotes",
    ("CODE", "="): 'a text stands in quotes: "…"',
    ("CODE", "of"): "names are written in lower case",
    ("NAME", "currency"): "a currency is written in capitals: MYR",
    ("NAME", "silence"): "name the finding by its code, in capitals: silence USE03 of NAME",
    ("_NL", "silence"): "name the finding and the declaration: silence USE03 of NAME",
    ("STRING", "silence"): "a code stands without quotes: silence USE03 of NAME",
    ("NAME", "because"): 'give the reason in quotes: because "…"',
    ("_NL", "because"): 'give the reason in quotes: because "…"',
    ("NAME", "base"): "a unit is written with a Capital first: PCS",
}
"""(token, the word before it) -> what to write."""

FITS = (
    ("TRY", "REJECT", "trying again belongs to a retry table"),
    ("NAME", "REJECT", "say what happens: hold for ROLE, reject or warn"),
    (
        "APPROVE",
        "REJECT",
        "an approval is a declaration of its own: approve RECORD, by ROLE, say …",
    ),
    ("VBAR", "THEN", "say what then: try 5 times from 30s then hold for ROLE"),
    ("EQUAL", "RPAR", "close the bracket before it: )"),
    ("NAME", "EDIT", "on edit of RECORD, or on cancel of RECORD"),
    ("CODE", "STRING", 'a text stands in quotes: "…"'),
    ("NAME", "CODE", "a field or unit of the target starts with a Capital"),
    ("_NL", "RPAR", "close the bracket: )"),
    ("CODE", "NAME", 'a name is in lower case; the spelling of a source is quoted: word as "Word"'),
)
"""(token, what was expected, what to write): less sure than a pair."""

FORMS = {
    "language": "language 1",
    "role": 'role NAME "Title"',
    "const": "const NAME, then lines: from 2026-01-01 = VALUE",
    "source": 'source NAME, then currency CODE, zone "…", missing hold for ROLE say "…"',
    "target": "target NAME, then rounding …, tolerance …, missing …",
    "record": "record NAME from SOURCE, then lines: NAME TYPE MARK, or NAME = FORMULA",
    "link": "link NAME of RECORD, then from …, by THEIRS = OURS, where …, at most 60 else …",
    "map": 'map NAME, then match …, csv "…" or lines "KEY" -> VALUE, missing …',
    "units": 'units, then base CODE, lines 1 CTN = 12 PCS, missing hold for ROLE say "…"',
    "gate": "gate RECORD, then lines: ready, early, wait, hold, cancel or ignore, and statuses",
    "check": "check NAME on RECORD, then when …, require …, else …, say …, clears …",
    "duplicates": "duplicates of RECORD, then unique by …, else …, say …",
    "approve": "approve RECORD for ROUTE, then when …, by ROLE, never …, say …",
    "on": "on edit of RECORD, then GROUP = FIELDS, or on cancel of RECORDS; then a table",
    "retry": "retry TARGET, then a table: | error | do |",
    "post": 'post RECORD to TARGET.DOCUMENT as "…", then timing, owners, Field = VALUE',
    "sample": "sample NAME of RECORD at 2026-11-20 10:00, then FIELD = VALUE, line …, with …",
    "silence": 'silence CODE of NAME because "…"',
    "test": 'test "…", then given SAMPLE with …, then …, expect …',
}
"""Declaration -> its form, the hint of last resort."""

_DAY = "a date is written year-month-day"

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"

_SPANS = "days?|hours?|hrs?|minutes?|mins|seconds?|secs?|weeks?|months?|years?"

_NO_SIGNS = "this language has words, not signs, for that"

_TEXT = re.compile(r'"[^"\n]*"')

_COMMENT = re.compile(r"#[^\n]*")


def lower_case_hint(word: str) -> str:
    """Return the hint for a capitalized word where a name belongs."""
    return f'a status or a name is written in lower case: {word}; only a text stands in quotes: "…"'


def nearest_word(word: str, pool: Collection[str]) -> str | None:
    """Return the word of the pool that was probably meant; short words may have swapped letters."""
    turned = [one for one in sorted(pool) if sorted(one) == sorted(word)]
    found = difflib.get_close_matches(word, sorted(pool), 1, 0.7) or turned
    return found[0] if found else None


def did_you_mean(word: str, pool: Collection[str], otherwise: str) -> str:
    """Return a hint that names the nearest word, or the other hint without a near word."""
    meant = nearest_word(word, pool)
    return Meant(f"did you mean '{meant}'?", word, meant) if meant else otherwise


def clipped(word: str) -> str:
    """Return the word for display, shortened and without invisible characters."""
    seen = "".join(sign if sign.isprintable() else f"U+{ord(sign):04X}" for sign in word[:40])
    return seen if len(word) <= 40 else f"{seen}…"


@dataclass(frozen=True, slots=True)
class Stumble:
    """Where the parser stopped; line and column are relative to the block and start at 1."""

    kind: str
    """token, character, end, or glued (two words with nothing between them)."""
    line: int
    column: int
    met: str
    """Name of the token that did not fit; empty at a character."""
    text: str
    expected: frozenset[str]
    """Names of the tokens that would have fitted."""


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of a stumble."""

    head: str
    first: str
    """The first line of the declaration."""
    above: frozenset[str]
    """The first words of the lines above."""
    line: str
    before: str
    """What stands before it in its line."""
    word: str

    @property
    def last(self) -> str:
        """The word or sign before the stumble."""
        found = re.findall(r"\w+|[^\w\s]", self.before)
        return found[-1] if found else ""

    @property
    def is_first(self) -> bool:
        """Check whether the place is the first word of its line."""
        return not self.before.strip()


def place_of_stumble(stumble: Stumble, block: Block) -> Place:
    """Return the text around the place where the parser stopped."""
    line = block.lines[stumble.line - 1] if stumble.line <= len(block.lines) else ""
    above = {words[0] for text in block.lines[1 : stumble.line - 1] if (words := text.split())}
    return Place(
        head=block.head,
        first=block.lines[0],
        above=frozenset(above),
        line=line,
        before=line[: stumble.column - 1],
        word=clipped(_word(stumble, line)),
    )


def _word(stumble: Stumble, line: str) -> str:
    found = re.compile(r"\w+").match(line, stumble.column - 1)
    return found.group() if found else stumble.text.split("\n")[0]


class Habit(NamedTuple):
    """A pattern, what it is, and what to write."""

    pattern: re.Pattern[str]
    code: str
    message: str
    hint: str


def blank_texts(text: str) -> str:
    """Return the lines with blank texts and without comments; columns are unchanged."""
    text = _TEXT.sub(lambda found: '"' + "x" * (len(found.group()) - 2) + '"', text)
    return _COMMENT.sub("", text)


def find_habits(block: Block, file: str) -> Iterator[Problem]:
    """Yield the first habit from another language in each line."""
    text = blank_texts(block.text)
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


def _habit(pattern: str, code: str, message: str, hint: str) -> Habit:
    return Habit(re.compile(pattern), code, message, hint)


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
