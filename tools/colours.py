"""Writes the colours of rule files for editors: editors/vscode/syntaxes/clearpost.tmLanguage.json.

Here: a TextMate grammar made from the words of the language, so that none is forgotten. A word that
is free to be a name (`hold`, `ready`) is coloured as a name where its place says so. Not here: what
is right; colours guess line by line.
"""

import json
import re
from pathlib import Path
from typing import Any

from grammar.text.vocabulary import DECLARATIONS, RESERVED, TYPES

ROOT = Path(__file__).parents[1]
FILE = ROOT / "editors" / "vscode" / "syntaxes" / "clearpost.tmLanguage.json"
CONSTANTS = {"yes", "no", "known", "missing"}
MARKS = {"key", "family", "dated", "optional"}
NAME = "[a-z][a-z0-9_]*"


def keywords() -> set[str]:
    """Every word that the grammar spells."""
    text = (ROOT / "grammar" / "parsing" / "clearpost.lark").read_text("utf-8")
    return set(re.findall(r'"([a-z]+)"', re.sub(r"//.*", "", text)))


def any_of(words: set[str] | list[str]) -> str:
    """A pattern for whole words; the longest first."""
    return f"(?<![.\\w])(?:{'|'.join(sorted(words, key=lambda w: (-len(w), w)))})(?!\\w)"


def colours() -> dict[str, Any]:
    """The grammar: the first pattern that fits at a place counts."""
    operators = RESERVED - set(DECLARATIONS) - CONSTANTS - {"line"}
    types = set(TYPES) - {"one"}
    plain = keywords() - operators - types - CONSTANTS - MARKS
    heads = "|".join(sorted(set(DECLARATIONS) - {"on", "duplicates"}, key=lambda w: (-len(w), w)))
    kinds = "|".join(sorted(types))
    calls = "|".join(sorted(operators | {"require", "when", "bill"}))
    patterns = [
        _one("comment.line.number-sign", "#.*$"),
        _text(),
        _one(
            "meta.declaration",
            f"^({heads})(?!\\w)(?:[ ]+({NAME}))?",
            "keyword.control",
            "entity.name.type",
        ),
        _one(
            "meta.declaration",
            r"^(on|duplicates)[ ]+(edit|cancel|of)(?!\w)",
            *["keyword.control"] * 2,
        ),
        _one(
            "meta.field",
            f"^[ ]+({NAME})[ ]+(one[ ]+of|{kinds})(?!\\w)(?![ ]*[=(.,])",
            "variable.other",
            "storage.type",
        ),
        _one("constant.numeric", r"(?<!\w)\d{4}-\d\d-\d\d(?!\w)|(?<!\w)\d\d:\d\d(?!\w)"),
        _one("constant.numeric", r"(?<!\w)\d+(?:\.\d+)?(?:%|min|[shd](?!\w))?"),
        _one("entity.name.function", f"(?<![.\\w])(?!(?:{calls})(?!\\w)){NAME}(?=[ ]*\\()"),
        _one("variable.other.member", r"(?<=\.)[A-Za-z]\w*"),
        _one("variable.other", f"(?<![.\\w]){NAME}(?=[ ]*=)"),
        _one("entity.name.tag", r"(?<![.\w])[A-Z]\w*"),
        _one("constant.language", any_of(CONSTANTS)),
        _one("keyword.operator.word", any_of(operators)),
        _one("storage.modifier", any_of(MARKS)),
        _one("storage.type", any_of(types)),
        _one("keyword.other", any_of(plain)),
        _one("variable.other", f"(?<![.\\w]){NAME}"),
        _one("keyword.operator", r"->|<>|<=|>=|[=<>+*/-]"),
        _one("punctuation.separator", r"[|,.()]"),
    ]
    return {
        "name": "Clearpost rules",
        "scopeName": "source.clearpost",
        "fileTypes": ["rules"],
        "patterns": patterns,
    }


def _one(scope: str, match: str, *captures: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": f"{scope}.clearpost", "match": match}
    if captures:
        names = {str(n): {"name": f"{name}.clearpost"} for n, name in enumerate(captures, 1)}
        found["captures"] = names
    return found


def _text() -> dict[str, Any]:
    hole = _one("constant.character.format.placeholder", r"\{[^{}\"]*\}")
    return {
        "name": "string.quoted.double.clearpost",
        "begin": '"',
        "end": '"|$',
        "patterns": [hole],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(colours(), indent=2) + "\n", "utf-8")
