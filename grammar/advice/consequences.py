"""Group findings by cause, so that one misspelled name yields one finding.

A finding follows from another one when its message names a word that the other declares misspelled.
This module reads the texts of findings only; it creates none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice

from grammar.text.finding_codes import STYLE
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import normalize_text

_MEANT = re.compile(r"[Dd]id you mean '([^']+)'\?")
_QUOTED = re.compile(r"'([^']+)'")
_WORD = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_NEXT = re.compile(r"Say what 1 (\w+) is, down to the base unit")
_TEXT_OR_COMMENT = re.compile(r'"([^"\n]*)"|#[^\n]*')
_HOLE = re.compile(r"\{[^{}\n]*\}")
_OUTSIDE = frozenset({"POS01", "NAM24", "NAM25", "NAM27"})
"""Findings that a declaration itself has a name which nothing outside knows."""
_FIELDS = frozenset({"NAM24", "NAM25"})
"""The same of records and fields, whose names no other thing has."""
_INSIDE = frozenset({"GAT01", "EDT01", "POS12"})
"""Findings that a declaration lacks something, which may stand in it misspelt."""
_RETRIED = frozenset({"try again", "look up"})
"""Answers that only a retry table gives."""

Pair = tuple[str, str]
"""A name that is not there, and the one that is."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What of the declarations a cause may take with it.

    `records` and `retries` are their places; `links` are the names of links by the record that they
    are of, or from.
    """

    records: frozenset[Span] = frozenset()
    retries: frozenset[Span] = frozenset()
    links: Mapping[str, Collection[str]] = field(default_factory=dict)


def below_causes(
    found: Sequence[Problem], sources: Mapping[str, str], declared: Declared
) -> tuple[Problem, ...]:
    """Return the findings in their order, each consequence below its cause.

    Only an error can be a cause.
    """
    if not any(problem.severity == "error" for problem in found):
        return tuple(found)
    return tuple(_Causes(found, sources, declared).told())


class _Causes:
    """The findings, and of each that follows from another, that other."""

    def __init__(
        self, found: Sequence[Problem], sources: Mapping[str, str], declared: Declared
    ) -> None:
        self.found, self.declared, self.sources = found, declared, sources
        self.places: dict[str, list[str]] = {}
        self.lines: dict[str, list[str]] = {}
        errors = (p for p in found if p.severity == "error")
        self.typos = {p: pair for p in errors if (pair := _typo(p))}
        self.cause_of: dict[Problem, Problem] = {}
        self.hints: dict[Problem, str] = {}
        self.free, self.taken = list(found), 0

    def told(self) -> Iterator[Problem]:
        """Yield the findings to show, each with its consequences below it."""
        for ask in (self._outside, self._declared, self._nameless, self._used, self._chains):
            ask()
        below: dict[Problem, list[Problem]] = {}
        for other in self.found:
            if other in self.cause_of:
                below.setdefault(self._first(other), []).append(_humble(other))
        for problem in self.found:
            if problem not in self.cause_of:
                hint = self.hints.get(problem, problem.hint)
                yield replace(problem, hint=hint, follows=tuple(below.get(problem, ())))

    def _first(self, problem: Problem) -> Problem:
        while problem in self.cause_of:
            problem = self.cause_of[problem]
        return problem

    def _free(self) -> list[Problem]:
        """Return the findings without a cause; recompute them only after a new one was assigned."""
        if self.taken != len(self.cause_of):
            self.taken = len(self.cause_of)
            self.free = [p for p in self.found if p not in self.cause_of]
        return self.free

    def _take(self, cause: Problem, others: Collection[Problem]) -> None:
        taken = {other: cause for other in others if other is not cause}
        self.cause_of |= {o: c for o, c in taken.items() if o not in self.cause_of}

    # ---- who takes whom -----------------------------------------------------------------------

    def _outside(self) -> None:
        """Assign the uses of a name whose declaration is misspelled, compared with an outside
        system.
        """
        order = sorted(self.typos, key=lambda p: (p.code != "NAM27", p.code == "POS01"))
        for cause in (p for p in order if p.code in _OUTSIDE):
            if cause not in self.cause_of:
                wrong, meant = self.typos[cause]
                gone = {meant, *self.declared.links.get(meant, ())}
                alone = self._stands_once(wrong)
                self._take(
                    cause,
                    [
                        p
                        for p in self._free()
                        if self._turned(p, wrong, meant)
                        or (_lacking(p) and _lacking(p) <= {wrong, *gone})
                        or (alone and cause.code in _FIELDS and self._speaks(p, gone))
                        or (cause.span in self.declared.records and _of_record(p))
                    ],
                )

    def _turned(self, problem: Problem, wrong: str, meant: str) -> bool:
        """Check whether a finding suggests the opposite correction, or the correction of a name's
        part.
        """
        pair = self.typos.get(problem, ("", ""))
        parts = {tuple(one.split(".")[0] for one in two) for two in ((wrong, meant), pair)}
        of_a_part = "." in wrong + pair[0] and len(parts) == 1
        return pair == (meant, wrong) or (of_a_part and pair[0] != "")

    def _declared(self) -> None:
        """Assign the uses of a name that occurs only in its declaration and is spelled otherwise
        elsewhere.
        """
        for head in self._free():
            wrong, meant = self.typos.get(head, ("", ""))
            if head in self.cause_of or not meant or not self._stands_once(meant):
                continue
            alike = [p for p in self._free() if self.typos.get(p) == (wrong, meant)]
            unused = [p for p in self._free() if p.code in STYLE and _lacking(p) == {meant}]
            words = [p for p in self._free() if self._speaks(p, {wrong})]
            if len(alike) > 1 or unused:
                head = _outside_tests(alike)
                self._take(head, [*alike, *unused, *words])
                self._misspelt(head, meant, unused, sure=len(alike) > 1)

    def _nameless(self) -> None:
        """Assign such uses where their findings suggest no name."""
        named = {name for pair in self.typos.values() for name in pair}
        for unused in self._free():
            (name,) = _lacking(unused) if unused.code in STYLE and _lacking(unused) else ("",)
            if not name or name in named or not self._stands_once(name):
                continue
            errors = [p for p in self._free() if p.severity == "error" and p.code not in _OUTSIDE]
            words = {word for p in errors for word in self._words(p)} - {name}
            near = get_close_matches(name, sorted(words), 1, 0.8)
            about = [p for p in errors if near and self._speaks(p, {*near})]
            if about:
                head = _outside_tests(about)
                self._take(head, [*about, unused])
                self._misspelt(head, name, [unused], sure=True)

    def _misspelt(self, head: Problem, name: str, unused: Sequence[Problem], *, sure: bool) -> None:
        where = str(unused[0].span if unused else self._places(name)[0]).rsplit("/", 1)[-1]
        ends = "correct its name" if sure else "one of the two is misspelt"
        self.hints[head] = f"'{name}' is declared in {where}, and nothing uses it: {ends}."

    def _chains(self) -> None:
        """Assign units that are defined by, or measured in, a unit that leads to no base unit."""
        lost = {p: hit[1] for p in self._free() if (hit := _NEXT.match(p.hint))}
        for problem, unit in lost.items():
            alike = [p for p in lost if lost[p] == unit]
            before = [p for p in lost if _QUOTED.findall(p.message)[:1] == [unit]]
            head = (before or alike)[0]
            if head is not problem and self._first(head) is not problem:
                self._take(head, [problem])

    def _used(self) -> None:
        """Assign what is missing because a name is misspelled where it is used."""
        for cause in self._free():
            wrong, meant = self.typos.get(cause, ("", ""))
            if cause in self.cause_of or not meant:
                continue
            gone = self.declared.links.get(wrong, ()) if cause.code == "NAM07" else ()
            for other in self._free():
                lacks = _lacking(other)
                inside = other.code in _INSIDE and lacks == {meant}
                follows = (
                    (inside and _within(cause.span, other.span))
                    or (other.code in STYLE and lacks == {meant})
                    or (cause.code == "NAM07" and wrong in other.message.split())
                    or (bool(gone) and (self._speaks(other, {*gone}) or lacks <= {*gone} != set()))
                    or self._of_same_line(other, cause, wrong)
                    or self._of_a_table(other, cause)
                    or (other.code == "POS18" and self._speaks(other, {meant}))
                    or (cause.span in self.declared.records and _of_record(other))
                )
                if follows:
                    self._take(cause, [other])

    def _of_same_line(self, other: Problem, cause: Problem, wrong: str) -> bool:
        """Check whether two findings report one word of one line."""
        same = (other.span.file, other.span.line) == (cause.span.file, cause.span.line)
        return same and wrong in _WORD.findall(other.message)

    def _of_a_table(self, other: Problem, cause: Problem) -> bool:
        """Check whether a test expects answers of a retry table whose target is missing."""
        asked = set(_QUOTED.findall(other.message)) & _RETRIED
        return cause.span in self.declared.retries and other.code == "TST05" and bool(asked)

    # ---- words --------------------------------------------------------------------------------

    def _speaks(self, problem: Problem, names: Collection[str]) -> bool:
        """Check whether an error mentions one of these names, and no other missing name."""
        own = set(self.typos.get(problem, names)) & set(names)
        plain = problem.severity == "error" and not problem.code.startswith("SYN")
        return plain and bool(own) and bool(set(names) & self._words(problem))

    def _words(self, problem: Problem) -> set[str]:
        """Return the words of a finding and of the part of the line that it points to."""
        span, words = problem.span, _said(problem.message)
        if span.line == span.end_line:
            line = "".join(self._lines(span.file)[span.line - 1 : span.line])
            words |= _said(line[span.column - 1 : span.end_column - 1])
        return words

    def _lines(self, file: str) -> list[str]:
        if file not in self.lines:
            self.lines[file] = normalize_text(self.sources.get(file, "")).split("\n")
        return self.lines[file]

    def _stands_once(self, name: str) -> bool:
        """Check whether a name occurs at one place only, its declaration."""
        return len(self._places(name)) == 1

    def _places(self, name: str) -> list[str]:
        """Return the first two places of a name.

        Texts and comments are skipped, except for placeholders in braces.
        """
        if name not in self.places:
            word = re.compile(rf"(?<![\w{'.' if '.' in name else ''}]){re.escape(name)}(?!\w)")
            found = (
                f"{file}:{number}:{hit.start() + 1}"
                for file, text in self.sources.items()
                if name in text
                for number, line in enumerate(self._lines(file), start=1)
                if name in line
                for hit in word.finditer(_bare(line))
            )
            self.places[name] = list(islice(found, 2))
        return self.places[name]


def _bare(line: str) -> str:
    """Return a line with blanks for its comment and its texts; placeholders in braces are kept."""
    return _TEXT_OR_COMMENT.sub(_blanked, line)


def _blanked(hit: re.Match[str]) -> str:
    kept = [" "] * len(hit[0])
    for hole in _HOLE.finditer(hit[0] if hit[0][0] == '"' else ""):
        kept[hole.start() : hole.end()] = hole[0]
    return "".join(kept)


def _outside_tests(problems: Sequence[Problem]) -> Problem:
    """Return the first problem of the rules themselves; of several in tests, the first."""
    return min(problems, key=lambda problem: problem.code.startswith("TST"))


def _said(text: str) -> set[str]:
    return {part for word in _WORD.findall(text) for part in (word, *word.split("."))}


def _typo(problem: Problem) -> Pair | None:
    """Return the misspelled name and its suggestion, or None if the finding has no suggestion."""
    wrong, meant = _QUOTED.search(problem.message), _MEANT.search(problem.hint)
    if wrong is None or meant is None:
        return None
    return wrong[1].removeprefix("line."), meant[1].removeprefix("line.")


def _lacking(problem: Problem) -> set[str]:
    """Return the names that a finding reports as unused or missing."""
    if problem.code in STYLE:
        return set(_QUOTED.findall(problem.message)[:1])
    if problem.code not in _INSIDE:
        return set()
    return set(re.split(r": | needs ", problem.message)[-1].split(", "))


def _of_record(problem: Problem) -> bool:
    """Check whether a finding may be the consequence of an unread record.

    Such findings report unused names and unknown line fields.
    """
    return problem.code in STYLE or "line" in re.split(r"[ '.]", problem.message)


def _within(inner: Span, outer: Span) -> bool:
    return inner.file == outer.file and outer.line <= inner.line <= outer.end_line


def _humble(problem: Problem) -> Problem:
    """Return a consequence without a suggestion: it disappears with its cause."""
    if _MEANT.search(problem.hint) is None:
        return problem
    return replace(problem, hint="It goes away with what it stands below.")
