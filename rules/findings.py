"""All that is wrong with rule files, in one order and wording for terminal, editor and browser.

Here: what the parser, the checker and the CSV files say together. Not here: what each of them
looks for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grammar import Problem
from grammar.broken import believable
from grammar.nodes import Ruleset
from rules.analyse import check
from rules.schema import Schemas
from rules.seeds import Seeds


def findings(
    ruleset: Ruleset,
    sources: Mapping[str, str],
    syntax: Sequence[Problem],
    rows: Seeds,
    known: Schemas,
    *,
    in_force: bool,
) -> tuple[Problem, ...]:
    """All findings by file and line, each with a way out; `syntax` is what the parser found.

    With `in_force` also what nothing carries out yet, as publishing sees it.
    """
    found: tuple[Problem, ...] = (*check(ruleset, known, in_force=in_force), *rows.problems)
    if syntax:
        found = believable(found, syntax, sources)
    told = {_hinted(problem) for problem in (*syntax, *found)}
    return tuple(sorted(told, key=lambda p: (p.span, p.code, p.message)))


def _hinted(problem: Problem) -> Problem:
    """The problem with a way out, even where the checker knew none."""
    return (
        problem if problem.hint else replace(problem, hint=f"see docs/findings/{problem.code}.md")
    )
