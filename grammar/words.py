"""Which words the language keeps for itself, and how its signs are called when speaking to people.

Lives here: reserved words, words of a later version, names of tokens. Not here: the syntax.
"""

DECLARATIONS = [
    "language",
    "role",
    "const",
    "source",
    "target",
    "record",
    "map",
    "units",
    "gate",
    "check",
    "duplicates",
    "approve",
    "post",
    "sample",
    "test",
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
        "then",
        "from",
    ]
)
"""The words that start a clause: in column 1 they were meant to be indented."""

LATER_DECLARATIONS = {
    "on": ("the tables `on edit` and `on cancel`", "take it out: for now a person decides"),
    "retry": ("a `retry` table", "take it out: retries follow the table that is built in"),
    "link": ("a `link` to other records", "take it out, with what uses it"),
}
"""Declarations of the full language that this version does not know yet: what, and a way out."""

LATER_CLAUSES = {
    ("post", "bill"): (
        "`bill` (billing in parts)",
        "take it out: the whole order is posted at once",
    ),
    ("test", "then"): ("`then` (a second step)", "tell the facts at once: given … with …"),
}
"""(declaration, first word of a line) of clauses that this version does not know yet."""

LATER_REVERSING = ("`reversing` (taking a posting back)", "take the declaration out")

LATER_ACTIONS = ("update", "void", "new", "credit", "look", "try")
"""First words of actions that belong to the tables of a later version."""

RESERVED = {
    *DECLARATIONS,
    *LATER_DECLARATIONS,
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

ACTIONS = ("block", "drop", "hold", "ignore", "reject", "review", "wait", "warn")
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
