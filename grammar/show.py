"""Problems as people and programs read them.

Lives here: one problem with its line and a caret, in words alone, and as plain JSON. Not here:
colours, counting, where it is printed.
"""

from dataclasses import asdict
from unicodedata import combining, east_asian_width

from grammar.problem import Problem
from grammar.split import clean


def show(problem: Problem, source_text: str) -> str:
    """The problem below its line:

    error[SYN08]: 'requires' is no word of the language here
      --> sales.rules:22:5
       |
    22 |     requires paid_at is known
       |     ^^^^^^^^
       = hint: did you mean 'require'?
    """
    span = problem.span
    number = str(span.line)
    edge = " " * len(number)
    out = [f"{problem.severity}[{problem.code}]: {problem.message}", f"{edge}--> {span}"]
    lines = clean(source_text).split("\n")
    if span.line <= len(lines):
        line = "".join(char if char.isprintable() else " " for char in lines[span.line - 1])
        out += [f"{edge} |", f"{number} | {line}".rstrip(), f"{edge} | {_caret(problem, line)}"]
    if problem.hint:
        out.append(f"{edge} = hint: {problem.hint}")
    return "\n".join(out)


def plain(problem: Problem) -> str:
    """The problem in one line of words, for logs and screen readers."""
    span = problem.span
    where = f"{span.file} line {span.line} column {span.column}"
    hint = f" Hint: {problem.hint}" if problem.hint else ""
    return f"{where}: {problem.severity} {problem.code}: {problem.message}.{hint}"


def to_json(problem: Problem) -> dict[str, object]:
    """The problem as plain values."""
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        "span": asdict(problem.span),
    }


def _caret(problem: Problem, line: str) -> str:
    """Carets below the span, as far as it is in its first line."""
    span = problem.span
    begin = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    width = max(1, _cells(line[begin : min(end, len(line))]))
    return " " * (_cells(line[:begin]) + max(0, begin - len(line))) + "^" * width


def _cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    wide = sum(1 for char in text if east_asian_width(char) in "WF")
    return len(text) + wide - sum(1 for char in text if combining(char))
