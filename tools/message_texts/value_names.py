"""What a value is called in the message of a sentence: `%(number)s` for `f"{row.number} is late"`.

Here: names, each of one value, and which values are texts in their turn. Not here: which sentences
there are (code_texts.py).
"""

import ast
import re

from message_texts.variants import Piece, Scope, spoken
from portal.languages.wording import escape_percent

SPOKEN_VALUES = {
    "action",
    "changer",
    "cause",
    "decided",
    "deciders",
    "detail",
    "differences_text",
    "ends_by",
    "entry_name",
    "first",
    "headings",
    "headline",
    "hint",
    "label",
    "message",
    "quoted_reply",
    "reply_text",
    "rest",
    "said",
    "say",
    "told",
    "type_words",
    "verb",
    "who",
    "why",
    "fault_texts",
    "fault_words",
    "step_names",
    "word",
    "words",
    "left",
    "money",
}
"""Names of values that are texts of ours in their turn."""
SPEAKERS = {
    "plural",
    "class_label",
    "format_clause",
    "failure_word",
    "role_list",
    "any_of",
    "duration",
    "readable_term",
    "readable_name",
    "plain",
    "plain_name",
    "kind_of",
    "_nothing",
    "_effect",
    "_others",
    "_unique_by",
}
"""Functions whose answer is a text of ours."""
METHODS = {
    "strip",
    "join",
    "isoformat",
    "get",
    "upper",
    "lower",
    "format",
    "replace",
    "len",
    "sorted",
}


def message_of(pieces: list[Piece], known: Scope) -> str:
    """The message of these words and values; `known` is what names were given before."""
    names: dict[str, str] = {}
    told = (
        escape_percent(one) if isinstance(one, str) else f"%({value_name(one, names, known)})s"
        for one in pieces
    )
    return "".join(told).strip()


def value_name(node: ast.expr, names: dict[str, str], known: Scope) -> str:
    """What a value is called in its message; `t_` marks one that is a text of ours."""
    plain = next((name for one in ast.walk(node) if (name := _own_name(one))), "value")
    ours = (isinstance(node, ast.Call) and called(node) in SPEAKERS) or (
        not isinstance(node, ast.Call) and plain in SPOKEN_VALUES
    )
    ours = ours or (isinstance(node, ast.Subscript) and _is_table(node.value))
    ours = ours or spoken(node, known, SPEAKERS)
    ours = ours or (isinstance(node, ast.Call) and called(node) == "join")
    if isinstance(node, ast.Call) and called(node) == "plural" and len(node.args) > 1:
        given = node.args[1]
        plain = f"{given.value}s" if isinstance(given, ast.Constant) else plain
    wanted = ("t_" if ours else "") + (re.sub(r"\W+", "_", plain).strip("_") or "value")
    name, count = wanted, 1
    while names.get(name, ast.dump(node)) != ast.dump(node):
        count += 1
        name = f"{wanted}{count}"
    names[name] = ast.dump(node)
    return name


def called(node: ast.Call) -> str:
    """The name of what is called."""
    inner = node.func
    return inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", "")


def _is_table(node: ast.expr) -> bool:
    """Whether it is a table of the module, by its name in capitals."""
    return isinstance(node, ast.Name) and node.id.isupper()


def _own_name(node: ast.AST) -> str:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return "" if name in METHODS else str(name)
