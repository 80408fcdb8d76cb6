"""The acts of events, as the product's own source says them.

Here: reading them. An act that is put together (`shadow.{act}`) stands with its family alone, as
`shadow.`. Not here: what is said of them.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.installed import ROOT

ACT = re.compile(r"[a-z]+\.[a-z_]*\Z")
TELLS = re.compile(r"(?!logger\Z)(record_events?|Fact|_?(tell|log|add)\w*|_fact)\Z")
"""What is called with an act: the event itself, or a function of a module that makes one."""
NAMES = re.compile(r"(OPENED|WRITTEN|CHANGED|APPROVED|SENDING)\Z")
"""Constants that hold an act; a permission and a finding have others."""


@cache
def acts() -> frozenset[str]:
    """Every act that is written anywhere."""
    files = [one for room in ("holding", "portal", "workers") for one in _modules(room)]
    return frozenset(act for one in files for act in _of(ast.parse(one.read_text("utf-8"))))


def _modules(room: str) -> Iterator[Path]:
    return (ROOT / room).rglob("*.py")


def _of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [word.value for word in node.keywords if word.arg == "act"]
            given += node.args if TELLS.match(_name(node.func)) else []
            yield from (act for one in given for act in _texts(one))
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            named = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
            if "act" in named or any(NAMES.match(one) for one in named):
                yield from (act for one in ast.walk(node.value) for act in _texts(one))


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _texts(node: ast.expr | ast.AST) -> Iterator[str]:
    """The acts that an argument may be: a text, one of two, or one that is put together."""
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and ACT.match(node.value):
        yield node.value
