"""Which words the language keeps for itself, and how its signs are called when speaking to people.

Lives here: reserved words, the clauses of each declaration, names of tokens. Not here: the syntax.
"""

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
    "map": ("match", "csv", "missing"),
    "units": ("base", "csv", "missing"),
    "check": ("when", "require", "and", "else", "say", "clears"),
    "duplicates": ("unique", "else", "say"),
    "approve": ("when", "by", "never", "say"),
    "post": ("when", "immediately", "daily", "after", "bill", "amount", "they", "we", "each"),
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
    "on cancel": ("block", "review by ROLE", "hold for ROLE", "credit note", "void"),
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
