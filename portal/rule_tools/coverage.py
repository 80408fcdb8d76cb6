"""The coverage of the usual exceptions on the command line.

Here: the lines of `clearpost check --coverage`. Not here: what answers what
(`rules.checker.all_checks`).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grammar.nodes import Ruleset
    from grammar.text.problem import Problem
    from rules.rulebook.coverage import Answer

_SIGNS = {"answered": "yes", "open": "RISK", "never": "-"}


def risks(ruleset: "Ruleset") -> tuple["Problem", ...]:
    """Each exception that nothing answers, as an error."""
    from rules.rulebook.coverage import gaps

    return gaps(ruleset)


def covering(ruleset: "Ruleset") -> Iterator[str]:
    """Each record with its exceptions, then what reviewers may want to know."""
    from rules.checker.guards import notes
    from rules.rulebook.coverage import coverage

    yield from _lines(coverage(ruleset), notes(ruleset))


def covered_json(ruleset: "Ruleset") -> list[dict[str, object]]:
    """The exceptions as plain values."""
    from rules.rulebook.coverage import coverage

    return [_plain(answer) for answer in coverage(ruleset)]


def _lines(answers: Sequence["Answer"], notes: Sequence["Problem"]) -> Iterator[str]:
    record = ""
    for answer in answers:
        if answer.record != record:
            record = answer.record
            yield f"\n{record}"
        span = answer.span
        where = f" ({span.file}:{span.line})" if span else ""
        yield f"  {answer.exception:18}{_SIGNS[answer.state]:5}{answer.text}{where}"
    if notes:
        yield "\nDecided on fields that may be missing:"
    for note in notes:
        yield f"  {note.span.file}:{note.span.line}: {note.message}. {note.hint}"


def _plain(answer: "Answer") -> dict[str, object]:
    return {
        "record": answer.record,
        "exception": answer.exception,
        "state": answer.state,
        "text": answer.text,
        "file": answer.span.file if answer.span else None,
        "line": answer.span.line if answer.span else None,
    }
