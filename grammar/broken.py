"""What can still be believed about a ruleset while some of its declarations are broken.

Lives here: which findings of a checker only repeat that something could not be read. Not here:
the checker itself. A person with five mistakes in a file wants to see five, in one go: neither
two because the rest waits, nor thirty because each mistake draws others along.
"""

import re
from collections.abc import Iterable, Mapping

from grammar.problem import Problem
from grammar.split import Block, blocks, clean

_NAMED = {"role", "const", "source", "target", "map", "sample", "check", "test", "post", "gate"}
_QUOTED = re.compile(r"""['"`]([^'"`]+)['"`]""")


def believable(
    findings: Iterable[Problem], syntax: Iterable[Problem], sources: Mapping[str, str]
) -> tuple[Problem, ...]:
    """The errors that stand even though the declarations with syntax problems were not read."""
    declared = names_of_broken(syntax, sources)
    return tuple(
        finding
        for finding in findings
        if finding.severity == "error" and not declared & _speaks_of(finding)
    )


def names_of_broken(syntax: Iterable[Problem], sources: Mapping[str, str]) -> set[str]:
    """The names that the broken declarations would have given."""
    lines = {(problem.span.file, problem.span.line) for problem in syntax}
    names: set[str] = set()
    for file, text in sources.items():
        for block in blocks(clean(text)):
            inside = range(block.first, block.first + len(block.lines))
            if any((file, number) in lines for number in inside):
                names |= _names(block)
    return names


def _names(block: Block) -> set[str]:
    """What a declaration names: itself, and what stands in a record."""
    if block.head == "record":
        return set(re.findall(r"\w+", block.text))
    words = block.lines[0].split()
    return {words[1]} if block.head in _NAMED and len(words) > 1 else set()


def _speaks_of(finding: Problem) -> set[str]:
    return {part for quoted in _QUOTED.findall(finding.message) for part in quoted.split(".")}
