"""What can still be believed about a ruleset while some of its declarations are broken.

Lives here: which findings of a checker only repeat that something could not be read. Not here:
the checker itself. A person with five mistakes in a file wants to see five, in one go: neither
two because the rest waits, nor thirty because each mistake draws others along.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from grammar.problem import Problem
from grammar.split import Block, blocks, clean
from grammar.words import DECLARATIONS

_NAMED = {"role", "const", "source", "target", "link", "map", "check", "sample"}
_LACKING = {
    "GAT04": "gate",
    "POS07": "duplicates",
    "UOM02": "units",
    "EDT08": "on",
    "CAN01": "on",
    "TST06": "test",
}
"""Findings that something is not there -> the declaration that may be the broken one."""
_QUOTED = re.compile(r"""['"`]([^'"`]+)['"`]""")


def believable(
    findings: Iterable[Problem], syntax: Iterable[Problem], sources: Mapping[str, str]
) -> tuple[Problem, ...]:
    """The errors that stand even though the declarations with syntax problems were not read."""
    broken = tuple(broken_blocks(syntax, sources))
    names = {name for block in broken for name in _names(block)}
    heads = {block.head for block in broken}
    unread = any(head not in DECLARATIONS for head in heads)
    return tuple(
        finding
        for finding in findings
        if finding.severity == "error"
        and not names & _speaks_of(finding)
        and not (_LACKING.get(finding.code) in heads or (unread and finding.code in _LACKING))
    )


def broken_blocks(syntax: Iterable[Problem], sources: Mapping[str, str]) -> Iterator[Block]:
    """The declarations in which the syntax problems stand."""
    lines = {(problem.span.file, problem.span.line) for problem in syntax}
    for file, text in sources.items():
        for block in blocks(clean(text)):
            inside = range(block.first, block.first + len(block.lines))
            if any((file, number) in lines for number in inside):
                yield block


def _names(block: Block) -> set[str]:
    """What a declaration names: itself, its route, or what stands in a record."""
    if block.head == "record":
        return set(re.findall(r"\w+", block.text))
    words = block.lines[0].split()
    strange = block.head not in DECLARATIONS
    own = set(words[1:2]) if block.head in _NAMED or strange else set()
    if block.head == "post" or strange:
        own |= {part for word in words[1:] for part in re.findall(r"\w+", word) if "." in word}
    return own


def _speaks_of(finding: Problem) -> set[str]:
    return {part for quoted in _QUOTED.findall(finding.message) for part in quoted.split(".")}
