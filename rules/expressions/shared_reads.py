"""What two rule sets read and say alike, so that a record is read, and judged, once for both.

Here: Alike (decided once for two rule sets, by their declarations) and Once (one record on its way
through both). Not here: judging (decisions/record.py), what one says for the other
(decisions/fast_path.py), comparing what they say (comparison/backtest.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules.expressions.aggregates import words_of
from rules.expressions.conditions import is_everywhere
from rules.values.wording import parse_message

if TYPE_CHECKING:
    from rules.expressions.record_reading import Content
    from rules.outcomes.summary import Glance, Numbers
    from rules.values.unknown import Gap


@dataclass(slots=True)
class Once:
    """One record: its typed content with the computed fields so far, and what one program found.

    `routes` are those whose documents both make alike, `checks` those that say the same in both;
    `failed` are the checks that did not pass, None until somebody has asked them. `but_checks`:
    both say the same of it unless a check that is not the same in both has something to say; then
    `said` is what the first program said, and by which numbers.
    """

    routes: frozenset[str]
    checks: frozenset[str]
    but_checks: bool = False
    read: tuple[Content, dict[Gap, list[int]]] | None = None
    failed: tuple[str, ...] | None = None
    said: tuple[Glance, Numbers] | None = None
    whole: dict[tuple[str, bool], bool] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin again: what one program left unfinished is not for the other."""
        self.read = self.failed = None
        self.whole.clear()


class Alike:
    """The record kinds that two rule sets read alike in the same world."""

    def __init__(self, old: n.Ruleset, new: n.Ruleset) -> None:
        self._kinds: dict[str, tuple[frozenset[str], frozenset[str], bool]] = {}
        if (old.maps, old.units, old.links) != (new.maps, new.units, new.links) or old.links:
            return
        changed = _differing(old.consts, new.consts)
        alike = _but_checks(old) == _but_checks(new) and not _touched((_but_checks(old),), changed)
        for record in old.records:
            names = _of_kind(old, record.name)
            if names == _of_kind(new, record.name) and not _touched(names, changed):
                routes = frozenset(_documents(old, new, record.name, changed))
                checks = frozenset(_checks(old, new, changed))
                others = (c for c in (*old.checks, *new.checks) if c.name not in checks)
                alone = alike and all(map(is_everywhere, others))
                self._kinds[record.name] = (routes, checks, alone)

    def once(self, kind: str) -> Once | None:
        """A record that is to be read for both; None where each reads for itself."""
        found = self._kinds.get(kind)
        return None if found is None else Once(*found)


def _but_checks(ruleset: n.Ruleset) -> n.Ruleset:
    """All that decides about a record but the checks, and the consts, which count where they are
    named.
    """
    return replace(ruleset, checks=(), consts=(), samples=(), tests=(), silences=())


def _of_kind(ruleset: n.Ruleset, kind: str) -> tuple[Any, ...]:
    """All that says how a record of a kind is read, and its lines."""
    records = [r for r in ruleset.records if r.name == kind or r.parent == kind]
    sources = {r.source for r in records}
    return (*records, *(s for s in ruleset.sources if s.name in sources))


def _documents(old: n.Ruleset, new: n.Ruleset, kind: str, changed: set[str]) -> Iterable[str]:
    """The routes whose documents, targets and keys of duplicates are the same in both."""
    for post in old.posts:
        if post.record != kind:
            continue
        parts = [_of_route(ruleset, post) for ruleset in (old, new)]
        if parts[0] == parts[1] and not _touched(parts[0], changed):
            yield str(post.route)


def _checks(old: n.Ruleset, new: n.Ruleset, changed: set[str]) -> Iterable[str]:
    """The checks that are the same in both."""
    others = {c.name: c for c in new.checks}
    for check in old.checks:
        if others.get(check.name) == check and not _touched((check,), changed):
            yield check.name


def _of_route(ruleset: n.Ruleset, post: n.Post) -> tuple[Any, ...]:
    return (
        *(p for p in ruleset.posts if (p.record, p.route) == (post.record, post.route)),
        *(t for t in ruleset.targets if t.name == post.route.target),
        *(d for d in ruleset.duplicates if any(w.name == post.record for w in d.records)),
    )


def _differing(old: Iterable[n.Const], new: Iterable[n.Const]) -> set[str]:
    """The names of the consts that are not the same in both."""
    found = {c.name: c for c in old}, {c.name: c for c in new}
    return {name for name in {**found[0], **found[1]} if found[0].get(name) != found[1].get(name)}


def _touched(nodes: tuple[Any, ...], names: set[str]) -> bool:
    """Whether any of these names is said there, or in the number of a document."""
    said = words_of(nodes)
    for part in n.walk(nodes):
        if isinstance(part, n.Post | n.Reversal):
            said |= words_of(parse_message(part.number, part.span)[0])
    return not said.isdisjoint(names)
