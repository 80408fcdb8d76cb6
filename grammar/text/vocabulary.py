"""Define the reserved words and editions of the language, and split a text into declarations."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

DECLARATIONS = [
    "language",
    "role",
    "const",
    "source",
    "target",
    "record",
    "link",
    "map",
    "units",
    "gate",
    "check",
    "duplicates",
    "approve",
    "on",
    "retry",
    "post",
    "sample",
    "test",
    "silence",
]
"""The words that start a declaration, in column 1."""

CLAUSES = frozenset(
    [
        "currency",
        "zone",
        "rounding",
        "tolerance",
        "missing",
        "match",
        "csv",
        "kept",
        "base",
        "ready",
        "early",
        "wait",
        "hold",
        "cancel",
        "ignore",
        "when",
        "require",
        "and",
        "else",
        "say",
        "clears",
        "unique",
        "by",
        "never",
        "immediately",
        "daily",
        "after",
        "they",
        "we",
        "each",
        "given",
        "with",
        "expect",
        "bill",
        "amount",
        "allows",
        "then",
        "from",
        "where",
        "at",
    ]
)
"""The words that start a clause: in column 1 they were meant to be indented."""

RESERVED = {
    *DECLARATIONS,
    *[
        "and",
        "or",
        "not",
        "is",
        "in",
        "otherwise",
        "known",
        "missing",
        "where",
        "yes",
        "no",
        "line",
    ],
}
"""Words that can never be a name; all others are words only where the grammar waits for them."""

ORDER = {
    "source": ("currency", "zone", "missing"),
    "target": ("rounding", "tolerance", "missing"),
    "link": ("from", "by", "where", "at"),
    "map": ("match", "csv", "kept", "missing"),
    "units": ("base", "csv", "kept", "missing"),
    "check": ("when", "require", "and", "else", "say", "clears"),
    "duplicates": ("unique", "else", "say"),
    "approve": ("when", "by", "never", "say"),
    "post": (
        "when",
        "immediately",
        "daily",
        "after",
        "bill",
        "amount",
        "allows",
        "they",
        "we",
        "each",
    ),
    "sample": ("line", "with"),
    "test": ("given", "and", "then", "expect"),
}
"""Declaration -> the first words of its clauses, in their order."""

ACTIONS = (
    "block",
    "credit",
    "drop",
    "hold",
    "ignore",
    "look",
    "new",
    "reject",
    "review",
    "try",
    "update",
    "void",
    "wait",
    "warn",
)
"""The first words of actions."""

TABLES = {
    "on edit": (
        "block",
        "review by ROLE",
        "hold for ROLE",
        "credit note and new",
        "new document",
        "credit note",
        "update",
        "ignore",
    ),
    "on cancel": ("block", "review by ROLE", "hold for ROLE", "credit note", "void", "ignore"),
    "retry": (
        "try 5 times from 30s then hold for ROLE",
        "look up first",
        "hold for ROLE",
        "review by ROLE",
    ),
}
"""Decision table -> what its rows may do."""

TYPES = [
    "date",
    "decimal",
    "many",
    "moment",
    "money",
    "one",
    "quantity",
    "text",
    "user",
    "whole",
    "yesno",
]

KINDS = {
    "NAME": "a name (lower case)",
    "CODE": "a code (Capital first)",
    "NUMBER": "a number",
    "STRING": 'a "text"',
    "PERCENT": "a percentage (10%)",
    "DATE": "a date (2026-11-20)",
    "TIME": "a time (02:00)",
    "DURATION": "a duration (72h)",
    "_NL": "the end of the line",
    "$END": "the end of the file",
    "_C": "','",
}
"""What tokens without a fixed spelling are called."""


class Edition(IntEnum):
    """A set of meanings. Rules keep the edition that they were published in until they are
    published again; what the checker finds, belongs to no edition.
    """

    FIRST = 1
    SECOND = 2
    """Where the first field behind `never` is blank, what asks for that approval is held: before,
    who made it could approve it. A field that tells records or families apart is held where it has
    a character that nobody sees; before, the record was another one than the one it looks like."""

    THIRD = 3
    """Where a map looks a field up that `unique by` compares, its match says which spellings are
    the same; before, each spelling was another value. A record without lines, with a negative
    quantity or a negative total is held unless its route allows that; before, it was posted. What
    is blank or unreadable is completed by the team that its field names, else by nobody; before,
    by who owned the hold. Amounts of two currencies are unknown to each other; before, they were
    bare numbers. A document that names an account, a tax code or a currency which its target does
    not list is held; before, it was sent and refused."""

    FOURTH = 4
    """What nobody sees in a text makes it no other value for duplicates; before, an order that came
    again with such a character was another one. A document that names a code with such a character
    is held; before, it was sent. One id under two numbers, or one number under two ids, is released
    for itself; before, who released a duplicate of the record had released that, too."""

    FIFTH = 5
    """In a bill in parts, an amount of the header that an order was billed for whole is not billed
    again with what is delivered beyond it; before, it was. A line of which nothing was ordered and
    which still has an amount holds its bill, for no part would ever show it; before, it was left
    out. Who has the hold of a rest that remains to be billed can let it pass; before, it came back.
    What bills too much and is to be updated is held; before, nothing was done, for an update bills
    what it billed. A document that takes another back carries the day that a person gave it;
    before, it kept its own and was refused again."""

    SIXTH = 6
    """In a bill in parts, an amount of the header is billed less what earlier documents billed of
    it: where an order grew after it was billed whole, only what was added to it; before, all of it
    again. A record without lines that a check or the rules hold for that is not held for its total
    as well; before, both were asked. A document that names no currency is in that of its record,
    where records say their own; before, in that of the source, so that 100 in SGD was 100 in MYR.
    QuickBooks' field for it counts as one."""

    SEVENTH = 7
    """A posted document that names another one which was taken back, such as a receipt its invoice,
    is held; before, nobody was told. In a bill in parts, an amount of the header that is on no
    document though nothing more comes is held; before, it was billed to nobody."""

    EIGHTH = 8
    """A currency that is no code of ISO 4217 holds its record and equals no currency; before, `RM`
    was another currency than `MYR`. A line of 0 pieces without an amount is left out of documents,
    and one with an amount is held; before, each was sent or could not be worked out. A text that is
    shortened ends with a whole word; before, it was cut within one. A document that was edited in
    its target is compared with the record as it is now, too; before, only with what was posted. A
    number with a control character or a line break is held; before, it was sent. A document in
    another currency than its record is held unless its amounts are converted; before, an amount in
    SGD was posted as the same amount in MYR. Lines that do not come to the total, by more than
    rounding, hold a document whatever was released; before, who released a check of the sums let it
    go, and the target had another total. A record whose sums differ is held for the team behind
    `tolerance` of the target; before, for the one behind `missing` of the source."""


NEWEST: Final = max(Edition)

CHANGED: Final = {
    Edition.SECOND: (
        (
            "Where the first field behind “never” of an approval is blank, the record is held:"
            " nobody can tell who made it. Before, anybody in the team could approve it."
        ),
        (
            "A number with a character that nobody sees is held, where it tells records or families"
            " apart. Before, it was another number than the one it looks like."
        ),
    ),
    Edition.THIRD: (
        (
            "What a map takes for one key is one value for duplicates, too: C-101 and c-101 are one"
            " customer where the map forgets case. Before, each spelling was another customer."
        ),
        (
            "A record without lines, with a negative quantity or a negative total is held, unless"
            " its route says “allows”. Before, it was posted."
        ),
        (
            "People fill in what a source left blank or unreadable only where its field says"
            " “completed by” their team. Before, the team that had the hold could, amounts too."
        ),
        (
            "An amount beside one in another currency is unknown, and the rule holds: another"
            " record’s, or a limit where the record is not in the currency of its source. Before,"
            " their numbers were compared."
        ),
        (
            "A document with an account, a tax code or a currency that its target does not list is"
            " held before it is sent. Before, it was sent, and the target refused it."
        ),
    ),
    Edition.FOURTH: (
        (
            "Duplicates are compared as they are seen: a character that nobody sees makes no other"
            " value. Before, an order that came again with one was another order."
        ),
        (
            "A document that names a code with a character that nobody sees is held. Before, it was"
            " sent."
        ),
        (
            "A number under two ids, or an id under two numbers, is released for itself. Before,"
            " who released a duplicate of the record had released that, too, and the other way"
            " round."
        ),
    ),
    Edition.FIFTH: (
        (
            "“due_of” of an amount of the header bills it once: what is delivered beyond the order"
            " bills nothing of it. Before, it was billed a second time."
        ),
        (
            "A line of which nothing was ordered and which still has an amount, such as a discount,"
            " holds an order that is billed in parts. Before, no invoice showed it."
        ),
        (
            "A rest that “bill … else hold” gives to a team can be released, and the part is"
            " billed. Before, the hold came back."
        ),
        (
            "An invoice that bills more than was delivered is held where a table says “update”."
            " Before, nothing happened: an update bills what it billed."
        ),
        (
            "A document that takes another back carries the date that a person gives it. Before, it"
            " kept the date that was refused."
        ),
    ),
    Edition.SIXTH: (
        (
            "“due_of” of an amount of the header bills what earlier invoices did not: of an order"
            " that grew after it was invoiced in full, what was added. Before, all of it again."
        ),
        (
            "A record without lines that is held for that is not held for its total as well."
            " Before, both were asked."
        ),
        (
            "A document that names no currency is in that of its record. Before, it was in that of"
            " the source, and an amount in another currency was posted as if it were in that."
        ),
    ),
    Edition.SEVENTH: (
        (
            "A posted document that names one which was taken back, such as a receipt the invoice"
            " that was credited since, is held. Before, nobody was told."
        ),
        (
            "Where an order that is billed in parts is cut to what was billed of it, a header"
            " amount that is on no invoice, such as shipping, is held. Before, it was billed to"
            " nobody."
        ),
    ),
    Edition.EIGHTH: (
        (
            "A record whose currency is no code of ISO 4217, such as RM instead of MYR, is held"
            " with the code that is probably meant. Before, it counted as a foreign currency."
        ),
        (
            "A line of 0 pieces without an amount is left out of documents; with an amount its"
            " record is held. Before, the document was refused or could not be worked out."
        ),
        (
            "A text that is too long for the accounting system is cut between words. Before, it"
            " was cut within a word."
        ),
        (
            "A document that was edited in the accounting system is right where it says what the"
            " record says now. Before, it was held until it said again what was posted."
        ),
        "A number with a control character or a line break is held. Before, it was sent.",
        (
            "A document in another currency than its record is held, unless its amounts are"
            " converted. Before, SGD 100.00 could be posted as RM 100.00."
        ),
        (
            "A document whose lines do not come to its total, by more than rounding, is held until"
            " its amounts are corrected. Before, whoever released the check let it go."
        ),
        (
            "A record whose stated sums differ is held for the team that the accounting system's"
            " tolerance names. Before, for the team that the source names for missing values."
        ),
    ),
}
"""What each edition means otherwise than the one before, for who publishes the rules again."""


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one declaration; `first` is its first line's number in the file."""

    first: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The block as the parser wants it: each line closed."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def head(self) -> str:
        """The first word in column 1; empty when the block starts with a blank."""
        words = self.lines[0].split(maxsplit=1)
        return words[0] if words and not self.lines[0][0].isspace() else ""


def normalize_text(text: str) -> str:
    """Return the text without a byte order mark and with plain line ends."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def is_idle(line: str) -> bool:
    """Check whether a line is blank or holds a comment only."""
    bare = line.strip()
    return not bare or bare.startswith("#")


@lru_cache(maxsize=16)
def split_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a normalized text, in order.

    The latest texts are cached, because a file is split several times.
    """
    return tuple(_cut(text))


def _cut(text: str) -> Iterator[Block]:
    first, lines = 1, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        starts = line[:1] not in ("", " ", "\t", "#") and not (lines and _is_clause(line))
        if starts or not lines:
            yield from _closed(first, lines)
            first, lines = number, ([] if not starts and is_idle(line) else [line])
        else:
            lines.append(line)
    yield from _closed(first, lines)


def _is_clause(line: str) -> bool:
    return line[0] == "|" or (line.split() or [""])[0] in CLAUSES


def _closed(first: int, lines: list[str]) -> Iterator[Block]:
    """Yield the block without trailing idle lines, which belong to the next block."""
    while lines and is_idle(lines[-1]):
        lines = lines[:-1]
    if lines:
        yield Block(first, tuple(lines))


def changed_since(edition: Edition) -> tuple[str, ...]:
    """Return what rules of this edition will mean after they are published again."""
    return tuple(text for later, texts in CHANGED.items() if later > edition for text in texts)
