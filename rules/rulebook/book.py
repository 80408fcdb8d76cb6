"""The rule book: every declaration of a ruleset as sentences, by topic.

Here: Book, Section, Entry, and which sentence belongs where. Not here: the sentences
(document_sentences.py, route_sentences.py, setup_sentences.py, table_sentences.py), paper
(rendering.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grammar import nodes as n
from grammar.text.amounts import separated
from grammar.text.problem import Span
from rules.phrases.composed import changed, composed
from rules.phrases.expression_words import Phrases, words_of
from rules.phrases.terms import a, listed
from rules.rulebook import document_sentences, route_sentences, setup_sentences, table_sentences
from rules.rulebook.actions import owned_by
from rules.rulebook.coverage import Answer, Answered, coverage
from rules.rulebook.topics import EXCEPTIONS, READY, RISKS, TOPICS, Proofs, of_check
from rules.types.symbol_table import Index


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule in words: where it is written, whose it is, and the tests that show it.

    `kind` is rule; or missing, for what nothing answers (then nothing else is known of it). Without
    tests: it is nothing that a test can show alone, or the tests were not run. `backtest` is
    what the last one said of it, where that is known.
    """

    text: str
    name: str
    span: Span | None
    owners: tuple[str, ...] = ()
    tests: tuple[str, ...] | None = None
    kind: str = "rule"
    backtest: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One topic; `risk` says what is at stake where no rule answers it."""

    topic: str
    title: str
    entries: tuple[Entry, ...]
    risk: str

    @property
    def missing(self) -> bool:
        """Whether no rule answers this topic."""
        return not any(entry.kind == "rule" for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Book:
    """A ruleset in plain words."""

    sections: tuple[Section, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The titles of the topics that no rule answers."""
        return tuple(section.title for section in self.sections if section.missing)


def book(ruleset: n.Ruleset, topic: str | None = None, proofs: Proofs | None = None) -> Book:
    """The rule book, or one topic of it; with the tests of each rule where they were run."""
    writer = _Writer(Index(ruleset), proofs)
    gaps = [a for a in coverage(ruleset) if a.state is Answered.OPEN]
    sections = []
    for name, title in TOPICS.items():
        if topic in (None, name):
            entries = list(writer.write(name))
            entries += [
                Entry(_gap(gap), gap.record, None, kind="missing")
                for gap in gaps
                if EXCEPTIONS.get(gap.exception, "exceptions") == name
            ]
            sections.append(Section(name, title, tuple(entries), RISKS[name]))
    return Book(tuple(sections))


def with_backtest(written: Book, said: Mapping[str, str]) -> Book:
    """The same book with what a backtest said of rules, by their names (`check open_period`)."""
    return Book(
        tuple(
            replace(
                section,
                entries=tuple(
                    replace(entry, backtest=said.get(entry.name, "")) for entry in section.entries
                ),
            )
            for section in written.sections
        )
    )


@dataclass(slots=True)
class _Writer:
    index: Index
    proofs: Proofs | None
    rules: n.Ruleset = field(init=False)
    words: Phrases = field(init=False)

    def __post_init__(self) -> None:
        self.rules = self.index.ruleset
        self.words = words_of(self.index)

    def write(self, topic: str) -> Iterator[Entry]:
        """The entries of a topic."""
        found: Callable[[], Iterator[Entry]] = getattr(self, f"_{topic}")
        return found()

    def _entry(
        self,
        text: str,
        name: str,
        span: Span,
        roles: Sequence[str | None] = (),
        *,
        used: str = "",
        shown: Sequence[Span] | None = None,
    ) -> Entry:
        """An entry; `used` is the name by which tests use it, `shown` the lines that they show."""
        places = (span,) if shown is None else shown
        told = self.proofs is not None and (places or used)
        tests = self.proofs.of(places, used) if told and self.proofs else None
        owners = dict.fromkeys(self.words.role(role) for role in roles if role)
        return Entry(changed(text, separated), name, span, tuple(owners), tests)

    def _ready(self) -> Iterator[Entry]:
        for post in self.rules.posts:
            if post.record in self.index.records:
                text = route_sentences.ready(post, self.index, self.words)
                yield self._entry(
                    text, str(post.route), post.span, shown=(), used=f"ready {post.route}"
                )

    def _status(self) -> Iterator[Entry]:
        for gate in self.rules.gates:
            for row in gate.rows:
                text = route_sentences.gate_row(gate, row, self.words)
                yield self._entry(text, f"gate {gate.record}", row.span, [row.owner])
        for record in self.rules.records:
            for one in record.fields:
                for state in one.states if isinstance(one, n.Field) else ():
                    if state.aliases:
                        text = route_sentences.spelling(record, state)
                        yield self._entry(text, f"record {record.name}", state.span, shown=())
        for source in self.rules.sources:
            text = setup_sentences.blank(source, self.words)
            missing = source.missing
            yield self._entry(text, f"source {source.name}", missing.span, [missing.action.role])
        for record in self.rules.records:
            for clause, text in setup_sentences.completed(record, self.words):
                yield self._entry(text, f"record {record.name}", clause.span, [clause.role])

    def _mapping(self) -> Iterator[Entry]:
        yield from self._names()
        yield from self._values()

    def _names(self) -> Iterator[Entry]:
        words = self.words
        for table in self.rules.maps:
            text, roles = setup_sentences.table(table, words), [table.missing.action.role]
            yield self._entry(text, f"map {table.name}", table.span, roles, used=table.name)
        for post in self._documents():
            for assigns in (post.fields, post.line_fields):
                if assigns:
                    text, at = document_sentences.fields_of(post, assigns, words), assigns[0].span
                    yield self._entry(text, f"post {post.route}", at, used=str(post.route))

    def _values(self) -> Iterator[Entry]:
        words = self.words
        for record in self.rules.records:
            for one in record.fields:
                if isinstance(one, n.Computed):
                    text = setup_sentences.computed(record, one, words)
                    yield self._entry(text, f"record {record.name}", one.span, shown=())
        for link in self.rules.links:
            text = setup_sentences.link(link, words)
            yield self._entry(text, f"link {link.name}", link.span, [link.action.role])
        for const in self.rules.consts:
            text = setup_sentences.const(const)
            yield self._entry(text, f"const {const.name}", const.span, shown=())
        for target in self.rules.targets:
            roles = [target.tolerance_action.role, target.missing.action.role]
            text = setup_sentences.target(target, words)
            yield self._entry(text, f"target {target.name}", target.span, roles)

    def _uom(self) -> Iterator[Entry]:
        for units in self.rules.units:
            for node, text in setup_sentences.units(units, self.words):
                whole = node is units
                span, roles = (
                    (units.missing.span, [units.missing.action.role]) if whole else (node.span, [])
                )
                yield self._entry(text, "units", span, roles)
        yield from self._checks("uom")

    def _approval(self) -> Iterator[Entry]:
        for one in self.rules.approvals:
            text = route_sentences.approve(one, self.words)
            yield self._entry(text, f"approve {one.record}", one.span, [one.role])
        yield from self._checks("approval")

    def _timing(self) -> Iterator[Entry]:
        for post in self.rules.posts:
            name, after = f"post {post.route}", [post.after.span] if post.after else []
            shown = [post.timing.span, *after, *([post.when.span] if post.when else [])]
            yield self._entry(
                document_sentences.timing(post, self.words), name, post.span, shown=shown
            )
            if post.bill is not None:
                text = document_sentences.bill(post, post.bill, self.words)
                yield self._entry(text, name, post.bill.span)
            if post.uncompared is not None:
                text = document_sentences.uncompared(post, post.uncompared)
                yield self._entry(text, name, post.uncompared.span)
            if post.allows is not None:
                text = document_sentences.allows(post, post.allows)
                yield self._entry(text, name, post.allows.span)
        for source in self.rules.sources:
            yield self._entry(
                setup_sentences.source(source), f"source {source.name}", source.span, shown=()
            )

    def _exceptions(self) -> Iterator[Entry]:
        yield from self._checks("exceptions")
        for edit in self.rules.edits:
            name = f"on edit of {edit.record}"
            for row in edit.table.rows:
                text = table_sentences.edit_row(edit, row, self.words)
                yield self._entry(text, name, row.span, [_role(row)])
            yield self._entry(table_sentences.strictest(edit), name, edit.span, shown=())
        for cancel in self.rules.cancels:
            name = f"on cancel of {', '.join(w.name for w in cancel.records)}"
            for row in cancel.table.rows:
                text = table_sentences.cancel_row(cancel, row, self.words)
                yield self._entry(text, name, row.span, [_role(row)])
        for reversal in self.rules.reversals:
            text = document_sentences.reversal(reversal)
            yield self._entry(text, f"post {reversal.route}", reversal.span)
        for post in self._documents():
            if post.we_own is not None:
                text = document_sentences.owned(post, self.words)
                yield self._entry(text, f"post {post.route}", post.we_own.span, [post.we_own.role])

    def _duplicates(self) -> Iterator[Entry]:
        for one in self.rules.duplicates:
            names = ", ".join(w.name for w in one.records)
            for unique in one.uniques:
                text, roles = route_sentences.duplicates(one, unique, self.words), [one.action.role]
                yield self._entry(text, f"duplicates of {names}", unique.span, roles)

    def _retry(self) -> Iterator[Entry]:
        for retry in self.rules.retries:
            for row in retry.table.rows:
                text = table_sentences.retry_row(retry, row, self.words)
                yield self._entry(text, f"retry {retry.target}", row.span, [_role(row)])

    def _owners(self) -> Iterator[Entry]:
        owned = owned_by(self.index)
        for role in self.rules.roles:
            things = listed([*dict.fromkeys(owned.get(role.name, ()))], ";")
            text = composed(
                "To %(team)s go: %(things)s.", team=role.title, things=things or composed("nothing")
            )
            yield self._entry(text, f"role {role.name}", role.span, [role.name], shown=())

    def _documents(self) -> tuple[n.Post | n.Reversal, ...]:
        return (*self.rules.posts, *self.rules.reversals)

    def _checks(self, topic: str) -> Iterator[Entry]:
        for one in self.rules.checks:
            if of_check(one) == topic:
                roles = [one.action.role, one.clears.role]
                text = route_sentences.check(one, self.words)
                yield self._entry(text, f"check {one.name}", one.span, roles)


def _gap(gap: Answer) -> str:
    """What no rule answers, and what is at stake."""
    missing = composed(
        "Missing for %(record)s: no rule answers “%(exception)s”.",
        record=a(gap.record),
        exception=composed(gap.exception),
    )
    return listed([missing, composed(gap.risk)], ".")


def _role(row: n.TableRow) -> str | None:
    return row.action.then.role if isinstance(row.action, n.TryAgain) else row.action.role


__all__ = ["READY", "TOPICS", "Book", "Entry", "Section", "book", "with_backtest"]
