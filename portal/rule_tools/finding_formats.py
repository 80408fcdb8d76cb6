"""Findings for other programs: annotations of a code host, and SARIF.

Here: github and sarif. Not here: text and JSON for people and scripts (`grammar.text.problem`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from grammar.text.problem import so_too

if TYPE_CHECKING:
    from grammar.text.problem import Problem

_COMMANDS = {"error": "error", "warning": "warning"}
_LEVELS = {"error": "error", "warning": "warning"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def github(problem: "Problem") -> str:
    """One workflow command, which a code host shows beside the line."""
    span = problem.span
    places = {
        "file": span.file,
        "line": span.line,
        "endLine": span.end_line,
        "col": span.column,
        "endColumn": span.end_column,
        "title": problem.code,
    }
    said = ",".join(f"{name}={_property(str(value))}" for name, value in places.items())
    text = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    text += "".join(f"\n{line.strip()}" for line in so_too(problem))
    return f"::{_COMMANDS.get(problem.severity, 'notice')} {said}::{_data(text)}"


def sarif(problems: Sequence["Problem"], version: str) -> dict[str, object]:
    """All findings as one SARIF log."""
    from grammar.text.finding_codes import CODES

    codes = sorted({problem.code for problem in problems})
    rules = [{"id": code, "name": CODES[code]} for code in codes]
    driver = {"name": "clearpost", "version": version, "rules": rules}
    results = [_result(problem, codes.index(problem.code)) for problem in problems]
    columns = "unicodeCodePoints"
    run = {"tool": {"driver": driver}, "columnKind": columns, "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: "Problem", number: int) -> dict[str, object]:
    span = problem.span
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    place = {"artifactLocation": {"uri": span.file.replace("\\", "/")}, "region": region}
    hint = f" {problem.hint}" if problem.hint else ""
    return {
        "ruleId": problem.code,
        "ruleIndex": number,
        "level": _LEVELS.get(problem.severity, "note"),
        "message": {"text": f"{problem.message}.{hint}{''.join(so_too(problem))}"},
        "locations": [{"physicalLocation": place}],
    }


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
