"""Write the rule book: every declaration of a ruleset as sentences, by topic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grammar import nodes
from grammar.nodes import OF_LINE
from grammar.text.characters import separated
from grammar.text.problem import Span
from rules.checker.places import used_names
from rules.comparison.difference import Change, difference
from rules.outcomes import Outcome
from rules.phrases import (
    Phrases,
    a,
    capitalize,
    change_text,
    composed,
    instead,
    join_words,
    message,
    named,
    phrases_of,
)
from rules.program import Program
from rules.rulebook import actions, route_sentences, setup_sentences
from rules.rulebook.actions import action, becoming, but_for, owned_by, posted, targets_of
from rules.rulebook.coverage import Answer, Answered, coverage
from rules.testing.test_steps import StoryEnd, play_test
from rules.types.symbol_table import Index
from rules.values.canonical import PostingState
from rules.values.wording import readable_name

__all__ = ["READY", "TOPICS", "Book", "Entry", "Section", "build_book", "with_backtest"]

_BUILT_IN = {
    "not_ready": message("returns to a status that does not allow posting"),
    "overbilled": message("has less to bill than was billed"),
}

_ANSWERS = {
    "missing_field": message("finds a required field missing"),
    "bad_value": message("rejects a value"),
    "mapping_missing": message("does not know a code"),
    "authorization_failed": message("rejects the API key"),
    "duplicate": message("has the document already"),
    "stale_version": message("has the document with other content"),
    "period_locked": message("has locked the period"),
    "temporary": message("is busy or not responding"),
    "uncertain": message("does not confirm"),
    "business_rule": message("rejects it by its own rule"),
}

READY = "ready"

TOPICS = {
    READY: "Ready to post",
    "status": "Status",
    "mapping": "Mapping",
    "uom": "Units of measure",
    "approval": "Approval and version",
    "timing": "Timing",
    "exceptions": "Checks and changes after posting",
    "duplicates": "Duplicates",
    "retry": "Retry: when posting fails",
    "owners": "Owners and responsibilities",
}

RISKS = {
    READY: "Nothing is posted.",
    "status": "No rule says which status allows posting.",
    "mapping": "Codes are sent as the source writes them.",
    "uom": "Quantities are sent in whatever unit the source uses.",
    "approval": "No one is asked before a document is posted, and any version may be posted.",
    "timing": "No rule says when a document is posted.",
    "exceptions": "Nothing is checked, and changes after posting are put on hold without a reason.",
    "duplicates": "The same thing may be posted twice.",
    "retry": "Rejected documents follow the built-in retry table, and no team of yours owns them.",
    "owners": "What is on hold has no owner.",
}

EXCEPTIONS = {
    "duplicate party": "duplicates",
    "duplicate invoice": "duplicates",
    "UOM mismatch": "uom",
    "failed push": "retry",
}
"""The usual exceptions that are not told under Exceptions."""

_UNITS = frozenset({"in_base", "price_in_base", "base_unit", "is_whole"})

_APPROVAL = ("approv", "version")


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule in words: its place, its owner, and the tests that show it.

    `kind` is rule; or missing for an exception without a rule, where nothing else is known. Without
    tests no test can show the rule alone, or the tests were not run. `backtest` is the last
    backtest's result, if known.
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
    """One topic; `risk` describes what is at stake without a rule."""

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


class Proofs:
    """The tests of a ruleset, run once."""

    def __init__(self, ruleset: nodes.Ruleset, program: Program) -> None:
        index = Index(ruleset)
        self._proofs = tuple(
            _proof(test, play_test(index.samples[test.given], test, index, program))
            for test in ruleset.tests
            if test.given in index.samples
        )

    def of(self, spans: Iterable[Span], name: str = "") -> tuple[str, ...]:
        """Return the tests that show the rule in these places or with this name."""
        lines = {(s.file, line) for s in spans for line in range(s.line, s.end_line + 1)}
        return tuple(p.title for p in self._proofs if p.at & lines or name in p.used)


def build_book(
    ruleset: nodes.Ruleset, topic: str | None = None, proofs: Proofs | None = None
) -> Book:
    """Return the rule book, or one of its topics, with each rule's tests if they were run."""
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


@dataclass(slots=True)
class _Writer:
    index: Index
    proofs: Proofs | None
    rules: nodes.Ruleset = field(init=False)
    words: Phrases = field(init=False)

    def __post_init__(self) -> None:
        self.rules = self.index.ruleset
        self.words = phrases_of(self.index)

    def write(self, topic: str) -> Iterator[Entry]:
        """Yield a topic's entries."""
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
        """Return an entry; `used` is its name in tests, `shown` the lines that tests show."""
        places = (span,) if shown is None else shown
        told = self.proofs is not None and (places or used)
        tests = self.proofs.of(places, used) if told and self.proofs else None
        owners = dict.fromkeys(self.words.role(role) for role in roles if role)
        return Entry(change_text(text, separated), name, span, tuple(owners), tests)

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
                for state in one.states if isinstance(one, nodes.Field) else ():
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
                    text, at = actions.fields_of(post, assigns, words), assigns[0].span
                    yield self._entry(text, f"post {post.route}", at, used=str(post.route))

    def _values(self) -> Iterator[Entry]:
        words = self.words
        for record in self.rules.records:
            for one in record.fields:
                if isinstance(one, nodes.Computed):
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
            yield self._entry(actions.timing(post, self.words), name, post.span, shown=shown)
            if post.bill is not None:
                text = actions.bill(post, post.bill, self.words)
                yield self._entry(text, name, post.bill.span)
            if post.uncompared is not None:
                text = actions.uncompared(post, post.uncompared)
                yield self._entry(text, name, post.uncompared.span)
            if post.allows is not None:
                text = actions.allows(post, post.allows)
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
                text = edit_row(edit, row, self.words)
                yield self._entry(text, name, row.span, [_role(row)])
            yield self._entry(strictest_sentence(edit), name, edit.span, shown=())
        for cancel in self.rules.cancels:
            name = f"on cancel of {', '.join(w.name for w in cancel.records)}"
            for row in cancel.table.rows:
                text = cancel_row(cancel, row, self.words)
                yield self._entry(text, name, row.span, [_role(row)])
        for reversal in self.rules.reversals:
            text = actions.reversal(reversal)
            yield self._entry(text, f"post {reversal.route}", reversal.span)
        for post in self._documents():
            if post.we_own is not None:
                text = actions.owned(post, self.words)
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
                text = retry_row(retry, row, self.words)
                yield self._entry(text, f"retry {retry.target}", row.span, [_role(row)])

    def _owners(self) -> Iterator[Entry]:
        owned = owned_by(self.index)
        for role in self.rules.roles:
            things = join_words([*dict.fromkeys(owned.get(role.name, ()))], ";")
            text = composed(
                "To %(team)s go: %(things)s.", team=role.title, things=things or composed("nothing")
            )
            yield self._entry(text, f"role {role.name}", role.span, [role.name], shown=())

    def _documents(self) -> tuple[nodes.Post | nodes.Reversal, ...]:
        return (*self.rules.posts, *self.rules.reversals)

    def _checks(self, topic: str) -> Iterator[Entry]:
        for one in self.rules.checks:
            if check_topic(one) == topic:
                roles = [one.action.role, one.clears.role]
                text = route_sentences.check(one, self.words)
                yield self._entry(text, f"check {one.name}", one.span, roles)


def _role(row: nodes.TableRow) -> str | None:
    return row.action.then.role if isinstance(row.action, nodes.TryAgain) else row.action.role


def _gap(gap: Answer) -> str:
    """Return the words for an exception without a rule, and what is at stake."""
    missing = composed(
        "Missing for %(record)s: no rule answers “%(exception)s”.",
        record=a(gap.record),
        exception=composed(gap.exception),
    )
    return join_words([missing, composed(gap.risk)], ".")


def with_backtest(written: Book, said: Mapping[str, str]) -> Book:
    """Return the book with a backtest's results for rules, by name (`check open_period`)."""
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


@dataclass(frozen=True, slots=True)
class Meaning:
    """A change with the sentences of only the old rules and only the new rules.

    Both are empty where the rule book does not cover the declaration, such as tests.
    """

    change: Change
    before: tuple[str, ...]
    after: tuple[str, ...]


def describe_changes(old: nodes.Ruleset, new: nodes.Ruleset) -> tuple[Meaning, ...]:
    """Return all changes in the order of the new text; removed declarations come last."""
    changes = difference(old, new)
    if not changes:
        return ()
    books = build_book(old), build_book(new)
    return tuple(_meaning(change, *books) for change in changes)


def _meaning(change: Change, old: Book, new: Book) -> Meaning:
    before, after = _said(old, change.before), _said(new, change.after)
    return Meaning(change, _without(before, after), _without(after, before))


def _said(said: Book, span: Span | None) -> tuple[str, ...]:
    """Return a book's sentences about the declaration in this place."""
    if span is None:
        return ()
    return tuple(
        entry.text
        for section in said.sections
        for entry in section.entries
        if entry.span is not None
        and entry.span.file == span.file
        and span.line <= entry.span.line <= span.end_line
    )


def _without(texts: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text not in others)


def edit_row(one: nodes.Edit, row: nodes.TableRow, words: Phrases) -> str:
    """Return the sentence for a change after posting."""
    here = words.of(one.record)
    cells = dict(zip(one.table.head, row.cells, strict=False))
    changed = cells.pop("changed", None)
    names = [v.name for v in getattr(changed, "values", ()) if isinstance(v, nodes.Word)]
    groups = {g.name: join_words([_field(w.name) for w in g.fields], "or") for g in one.groups}
    own = [
        composed("its %(group)s (%(fields)s)", group=named(g), fields=groups[g])
        for g in names
        if g in groups
    ]
    what = [composed("changes in %(groups)s", groups=join_words(own, "or"))] if own else []
    what += [composed(_BUILT_IN[g]) for g in names if g in _BUILT_IN]
    done = action(row.action, words, targets_of([one.record], words.index))
    does = join_words(what, "either") or composed("changes in anything")
    says = composed("%(record)s that %(change)s", record=_posted(one, words), change=does)
    return composed("%(what)s: %(action)s.", what=_given(says, cells, here), action=done)


def _field(name: str) -> str:
    """Return a field's name in a group of changes: `line price`."""
    if not name.startswith(OF_LINE):
        return named(name)
    field, line = named(name.removeprefix(OF_LINE)), composed("the line")
    return instead(readable_name(name), composed("%(what)s of %(whose)s", what=field, whose=line))


def _posted(one: nodes.Edit, words: Phrases) -> str:
    """Return the words for the subject of a table of edits."""
    if one.route is not None:
        return _for(composed("%(record)s posted", record=capitalize(a(one.record))), one.route)
    others = (e.route for e in words.index.ruleset.edits if e.record == one.record)
    return _but(capitalize(posted(one.record)), others)


def _for(what: str, route: nodes.RouteName) -> str:
    return composed("%(what)s as %(document)s", what=what, document=becoming(route))


def _but(what: str, routes: Iterable[nodes.RouteName | None]) -> str:
    left = but_for(routes)
    return composed("%(what)s (%(exception)s)", what=what, exception=left) if left else what


def _given(what: str, cells: dict[str, nodes.Cell], words: Phrases) -> str:
    """Return the subject with the conditions of a row, without conditions that always hold."""
    said = []
    for name, cell in cells.items():
        if isinstance(cell, nodes.Among):
            said.append(words.among(name, cell.values))
        elif isinstance(cell, nodes.Compared):
            said.append(words.compared(name, cell.op, cell.value))
    if not said:
        return what
    return composed("%(what)s, while %(conditions)s", what=what, conditions=join_words(said, "so"))


def strictest_sentence(one: nodes.Edit) -> str:
    """Return the sentence for the case of several matching rows."""
    return composed(
        "If %(record)s changes in several of these at once, the strictest answer counts.",
        record=_for(composed("%(record)s posted", record=a(one.record)), one.route)
        if one.route
        else posted(one.record),
    )


def cancel_row(one: nodes.Cancel, row: nodes.TableRow, words: Phrases) -> str:
    """Return one sentence for a cancellation after posting."""
    records = [w.name for w in one.records]
    here = words.of(records[0])
    cells = dict(zip(one.table.head, row.cells, strict=False))
    what: str = composed(
        "%(record)s that is cancelled after it was posted",
        record=capitalize(join_words([a(name) for name in records], "or")),
    )
    what = _given(_of_cancel(what, one, words), cells, here)
    open_ = [_whatever(name, c, here) for name, c in cells.items() if isinstance(c, nodes.Any_)]
    if open_:
        whatever = join_words(open_, "so")
        what = composed("%(what)s, %(whatever)s", what=what, whatever=whatever)
    done = action(row.action, words, targets_of(records, words.index))
    return composed("%(what)s: %(action)s.", what=what, action=done)


def _of_cancel(what: str, one: nodes.Cancel, words: Phrases) -> str:
    if one.route:
        return _for(what, one.route)
    mine = {w.name for w in one.records}
    tables = words.index.ruleset.cancels
    return _but(what, (c.route for c in tables if mine & {w.name for w in c.records}))


def _whatever(name: str, cell: nodes.Cell, words: Phrases) -> str:
    if name == "e_invoice_age":
        return composed("whether or not it has an e-invoice")
    return composed("whatever %(value)s is", value=words.expr(nodes.Name((name,), cell.span)))


def retry_row(one: nodes.Retry, row: nodes.TableRow, words: Phrases) -> str:
    """Return the sentence for the answer to a target's error."""
    cells = dict(zip(one.table.head, row.cells, strict=False))
    errors = cells.pop("error", None)
    errors_ = [v.name for v in getattr(errors, "values", ()) if isinstance(v, nodes.Word)]
    told = [composed(_ANSWERS[name]) if name in _ANSWERS else named(name) for name in errors_]
    does = join_words(told, "either") or composed("rejects it")
    what = composed("When %(target)s %(answer)s", target=one.target, answer=does)
    done = action(row.action, words, one.target)
    return composed("%(what)s: %(action)s.", what=_given(what, cells, words), action=done)


def check_topic(check: nodes.Check) -> str:
    """Return a check's topic, by the names in its conditions."""
    named = {name for e in (check.when, *check.requires) if e is not None for name in used_names(e)}
    if named & _UNITS:
        return "uom"
    if any(word in name for name in named for word in _APPROVAL):
        return "approval"
    return "exceptions"


@dataclass(frozen=True, slots=True)
class Proof:
    """A test, the places where a rule decided in it, and the names of what it used."""

    title: str
    span: Span
    at: frozenset[tuple[str, int]]
    used: frozenset[str]


def _proof(test: nodes.Test, told: StoryEnd) -> Proof:
    outcome = told.outcome
    used = {use.table for use in outcome.used} | set(_documents(test, outcome))
    used |= {f"ready {d.route}" for d in outcome.decisions if d.state == PostingState.READY}
    at = {(span.file, span.line) for span in _decided(outcome)}
    at |= set(_answered(told))
    return Proof(test.title, test.span, frozenset(at), frozenset(used))


def _documents(test: nodes.Test, outcome: Outcome) -> Iterator[str]:
    """Yield the routes whose document a test checks."""
    for expect in test.expects:
        if expect.head or expect.lines:
            routes = [str(expect.route)] if expect.route else [d.route for d in outcome.decisions]
            yield from routes


def _decided(outcome: Outcome) -> Iterator[Span]:
    for verdict in outcome.verdicts:
        if verdict.kind == "gate" or verdict.result in {"hit", "unknown"}:
            yield verdict.span
    for decision in outcome.decisions:
        yield from (finding.span for finding in decision.findings)
        yield from (step.span for step in decision.plan if step.rule)


def _answered(told: StoryEnd) -> Iterator[tuple[str, int]]:
    """Yield the row of a retry table that answered."""
    if told.retry is None:
        return
    for target in {d.route.partition(".")[0] for d in told.outcome.decisions}:
        answer = told.retry(target)
        if answer is not None:
            yield (answer.span.file, answer.span.line)
