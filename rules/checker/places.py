"""List every expression of a ruleset with its scope, and check messages, texts and days in them."""

from __future__ import annotations

import dataclasses
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain
from typing import Any, TypeAlias

from grammar import nodes
from grammar.text.characters import find_control_characters, in_words, invisible, shown
from grammar.text.finding_codes import STYLE
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import is_idle, normalize_text, split_blocks
from rules.checker.ranges import Claim, claim_of
from rules.types.functions import did_you_mean
from rules.types.symbol_table import DocumentSchema, Index, Schemas, Scope
from rules.values.wording import parse_message, with_article

_YEARS = (2000, 2099)

_LONGEST = timedelta(days=3653)  # ten years

_FAR = "Compare the digits: documents are of these years."

_LANGUAGE = re.compile(r"language\b")

_HOLE = re.compile(r"\{([^{}]*)\}")

ON_DOCUMENT = frozenset({"update", "void"})
"""Answers that a target must offer for the document that is posted."""

AGAIN = ("new_document", "credit_and_new")

REVERSED = ("credit_note", "credit_and_new")

ABLE = ("update", "void")

_SAID = {
    "credit_note": "credit note",
    "credit_and_new": "credit note and new",
    "new_document": "new document",
}

Text: TypeAlias = "tuple[str, ...]"
"""The lines of a declaration."""

_MENTIONED_BY_NONE = frozenset({"checks", "samples", "tests", "silences"})
"""Declarations that no check can mention."""

_KEPT = 2
"""What is kept: that of now and that of before, to which an undo leads back."""

_GROUPS = 8
"""Groups of checks, one for each record and for its lines, of the last looks."""


@dataclass(frozen=True, slots=True)
class Place:
    """One expression in its place; `what` is condition, value, posting or message."""

    expr: nodes.Expr
    scope: Scope
    what: str


def make_problem(
    code: str, message: str, hint: str, span: Span, severity: str = "error"
) -> Problem:
    """Return a problem of the checker; the code register marks style findings."""
    return Problem(code, message, hint, span, "style" if code in STYLE else severity)


def records_of(words: tuple[nodes.Word, ...], index: Index) -> list[str]:
    """Return a declaration's records, if they exist and are judged."""
    return [w.name for w in words if w.name in index.judged]


def places(index: Index) -> tuple[Place, ...]:
    """Return all expressions; a declaration of two records yields its expressions twice."""
    if index.places is None:
        index.places = tuple(with_checks(index.ruleset.checks, index))
    return index.places


def with_checks(checks: Iterable[nodes.Check], index: Index) -> Iterator[Place]:
    """Yield the expressions of these checks and those outside checks, in one order."""
    yield from _of_records(index)
    for check in checks:
        yield from of_check(check, index)
    yield from _of_routes(index)


def _of_records(index: Index) -> Iterator[Place]:
    for record in index.ruleset.records:
        owner = record.parent or record.name
        scope = Scope(index, owner, line=record.parent is not None)
        for field in record.fields:
            if isinstance(field, nodes.Computed):
                yield Place(field.expr, scope, "value")
    for link in index.ruleset.links:
        if link.where is not None and link.other in index.records:
            yield Place(link.where, Scope.of_link(index, link), "condition")


def _of_routes(index: Index) -> Iterator[Place]:
    for approve in (a for a in index.ruleset.approvals if a.record in index.judged):
        scope = Scope(index, approve.record)
        yield from _conditions((approve.when,), scope)
        yield from message_places(approve.say, approve.say.span, scope)
        for name in approve.never:
            yield Place(nodes.Name((name,), approve.span), scope, "value")
    yield from _of_gates(index)
    yield from _of_posts(index)


def _conditions(exprs: tuple[nodes.Expr | None, ...], scope: Scope) -> Iterator[Place]:
    for expr in exprs:
        if expr is not None:
            yield Place(expr, scope, "condition")


def _of_gates(index: Index) -> Iterator[Place]:
    for gate in (g for g in index.ruleset.gates if g.record in index.judged):
        for row in gate.rows:
            if row.say:
                yield from message_places(row.say, row.say.span, Scope(index, gate.record))
    for duplicates in index.ruleset.duplicates:
        for name in records_of(duplicates.records, index):
            scope = Scope(index, name, document=True)
            yield from message_places(duplicates.say, duplicates.say.span, scope)
            for unique in duplicates.uniques:
                for field in unique.fields if unique.where == "history" else ():
                    yield Place(nodes.Name((field,), unique.span), scope, "value")


def _of_posts(index: Index) -> Iterator[Place]:
    for post in index.ruleset.posts:
        if post.record not in index.records:
            continue
        head = Scope(index, post.record, document=True, bills=post.bill is not None)
        line = replace(head, line=True)
        yield from _conditions((post.when,), Scope(index, post.record))
        yield from message_places(post.number.replace("{posting}", ""), post.span, head)
        for expr in (post.bill.expr, post.bill.of) if post.bill else ():
            yield Place(expr, replace(line, document=False, bills=False), "value")
        if isinstance(post.timing, nodes.Daily):
            yield Place(nodes.Name((post.timing.by,), post.timing.span), head, "value")
        yield from _assigned(post, head)
    for reversal in index.ruleset.reversals:
        if reversal.record in index.records:
            head = Scope(index, reversal.record, document=True)
            number = reversal.number.replace("{posting}", "").replace("{reversed}", "")
            yield from message_places(number, reversal.span, head)
            yield from _assigned(reversal, head)


def _assigned(route: nodes.Post | nodes.Reversal, head: Scope) -> Iterator[Place]:
    for assign in route.fields:
        yield Place(assign.expr, head, "posting")
    for assign in route.line_fields:
        yield Place(assign.expr, replace(head, line=True), "posting")


def of_check(check: nodes.Check, index: Index) -> Iterator[Place]:
    """Yield a check's expressions."""
    for name in records_of(check.records, index):
        scope = Scope(index, name, line=check.each_line)
        yield from _conditions((check.when, *check.requires), scope)
        yield from message_places(check.say, check.say.span, scope)


def all_tables(index: Index) -> Iterator[nodes.Table]:
    """Yield all decision tables."""
    rules = index.ruleset
    for declared in (rules.edits, rules.cancels, rules.retries):
        yield from (d.table for d in declared)


def message_places(text: str, span: Span, scope: Scope) -> Iterator[Place]:
    """Yield a message's placeholders."""
    for part in parse_message(text, span)[0]:
        if not isinstance(part, str):
            yield Place(part, scope, "message")


def used_names(expr: Any) -> Iterator[str]:
    """Yield every name in an expression: a field, constant, fact, function or map."""
    return (path[0] for path in nodes.mentioned(expr))


def check_messages(index: Index) -> Iterator[Problem]:
    """Yield the problems of a ruleset's messages outside checks."""
    rules = index.ruleset
    for said in _said(index):
        yield from unreadable(said, said.span)
    for missing in [s.missing for s in rules.sources] + [t.missing for t in rules.targets]:
        yield from _only(missing.say, ("field",))
    for table in rules.maps:
        yield from _only(table.missing.say, ("key",))
    for units in rules.units:
        yield from _only(units.missing.say, ("uom", "item"))


def _said(index: Index) -> Iterator[nodes.Said]:
    rules = index.ruleset
    yield from (a.say for a in rules.approvals)
    yield from (d.say for d in rules.duplicates)
    yield from (row.say for gate in rules.gates for row in gate.rows if row.say is not None)


def _only(say: nodes.Said, known: tuple[str, ...]) -> Iterator[Problem]:
    for hole in _HOLE.finditer(say):
        if hole[1] not in known:
            names = " or ".join(f"{{{k}}}" for k in known)
            message = f"'{hole[1]}' is not known here"
            yield make_problem(
                "MSG01", message, f"This message may use {names}.", say.place(*hole.span())
            )
    for broken in parse_message(say, say.span)[1]:
        if _HOLE.fullmatch(broken.text) is None:
            yield make_problem("MSG02", *_unread(broken.text), broken.span)


def _unread(text: str) -> tuple[str, str]:
    """Return what is wrong with a placeholder, and what to write."""
    name = text.strip("{} ") or "number"
    if text in ("{{", "}}"):
        return f"'{text}' shows a brace to the reader", "Write one brace on each side: {number}."
    if not text.endswith("}"):
        return f"'{text}' is not closed", f"Write {{{name}}}, with both braces."
    if not text.startswith("{"):
        return f"'{text}' closes nothing", f"Write {{{name}}}, with both braces, or delete it."
    message = f"'{text}' is no name and no call"
    if re.fullmatch(r"[A-Za-z][\w.]*", name):
        return message, f"Names are in lower case: {{{name.lower()}}}."
    if name == "number":
        return message, "Write a field, such as {number}."
    return message, "Write a field, such as {number}; a formula becomes a computed field first."


def unreadable(text: str, span: Span) -> Iterator[Problem]:
    """Yield a message's unreadable placeholders and lone braces."""
    for broken in parse_message(text, span)[1]:
        yield make_problem("MSG02", *_unread(broken.text), broken.span)


def check_texts(index: Index) -> Iterator[Problem]:
    """Yield invisible characters in compared or posted texts outside checks.

    Messages may contain them, for emoji, and samples, which show real input.
    """
    rules = index.ruleset
    declared = (rules.records, rules.consts, rules.maps, rules.units, rules.links, rules.gates)
    yield from hidden_characters(declared)
    yield from hidden_characters(
        (rules.approvals, rules.edits, rules.cancels, rules.posts, rules.reversals)
    )


def check_far_days(index: Index) -> Iterator[Problem]:
    """Yield unrealistic days outside checks, written directly or reached by adding years."""
    rules = index.ruleset
    yield from far_durations(
        (rules.records, rules.consts, rules.links, rules.gates, rules.approvals)
    )
    yield from far_durations((rules.edits, rules.cancels, rules.posts, rules.reversals))
    for part in nodes.walk((rules.records, rules.posts, rules.reversals)):
        value = part.value if isinstance(part, nodes.Literal) else None
        if isinstance(value, date) and not _YEARS[0] <= value.year <= _YEARS[1]:
            message = f"{value.isoformat()[:10]} is far from the day of any document"
            yield make_problem("TYP12", message, _FAR, part.span, "warning")


def far_durations(node: object) -> Iterator[Problem]:
    """Yield durations of many years in a node and its parts."""
    for part in nodes.walk(node):
        value = part.value if isinstance(part, nodes.Literal) else None
        if isinstance(value, timedelta) and abs(value) > _LONGEST:
            message = f"{value.days}d are {value.days // 365} years"
            yield make_problem("TYP12", message, _FAR, part.span, "warning")


def check_language(sources: Mapping[str, str]) -> Iterator[Problem]:
    """Yield files that state their language more than once."""
    for file, text in sources.items():
        lines = enumerate(text.splitlines(), start=1)
        said = [number for number, line in lines if _LANGUAGE.match(line)]
        for number in said[1:]:
            message = f"the file says its language twice: line {said[0]} has it already"
            span = Span(file, number, 1, number, len("language") + 1)
            yield make_problem("SYN41", message, "Take this line out.", span, "warning")


def check_signs(sources: Mapping[str, str]) -> Iterator[Problem]:
    """Yield control characters anywhere in a file, because not every database can store NUL."""
    for file, text in sources.items():
        for line, column, point in find_control_characters(text):
            message = f"a control character ({point}), which is no text"
            span = Span(file, line, column, line, column + 1)
            yield make_problem(
                "SYN11", message, "Delete it: no page and no report can show it.", span
            )


def hidden_characters(node: object) -> Iterator[Problem]:
    """Yield invisible characters in a node and its parts."""
    for part in nodes.walk(node):
        for text in _compared(part):
            found = invisible(text)
            if found:
                message = (
                    f'"{shown(text)}" holds {in_words(found)}, so it is not what it looks like'
                )
                hint = "Delete what nobody sees, unless the source writes it so."
                yield make_problem("SYN11", message, hint, part.span, "warning")


def _compared(part: Any) -> Iterator[str]:
    """Yield a node's own texts that are compared or posted."""
    literal = part if isinstance(part, nodes.Literal) else getattr(part, "value", None)
    if isinstance(literal, nodes.Literal) and isinstance(literal.value, str):
        yield literal.value
    if isinstance(part, nodes.State):
        yield from part.aliases
    if isinstance(part, nodes.MapRow):
        yield part.key
    if isinstance(part, nodes.UnitBase | nodes.UnitRow):
        yield part.item or ""


def check_later(index: Index, known: Schemas | None = None) -> Iterator[Problem]:
    """Yield what targets do not offer, and what the product does not read yet.

    With schemas also documents without a connector or without a required field, and records without
    a source.
    """
    if known is not None:
        yield from _unconnected(index.ruleset, known)
    rules = index.ruleset
    for edit in rules.edits:
        yield from _not_offered(index, known, (edit.record,), edit)
    for cancel in rules.cancels:
        yield from _not_offered(index, known, tuple(w.name for w in cancel.records), cancel)


def _unconnected(rules: nodes.Ruleset, known: Schemas) -> Iterator[Problem]:
    hint = "Write and test the rules now; they come into force once it is connected."
    for post in rules.posts:
        document = known.document(post.route.target, post.route.document)
        if not getattr(document, "connected", True):
            yield _later(f"posting to '{post.route}'", hint, post.route.span)
        elif document is not None:
            yield from _unfilled(post, document)
    for reversal in rules.reversals:
        document = known.document(reversal.route.target, reversal.route.document)
        if not getattr(document, "connected", True):
            yield _later(f"posting to '{reversal.route}'", hint, reversal.route.span)
    for record in rules.records:
        kind = known.kind(record.source or "", record.name)
        if not getattr(kind, "connected", True):
            yield _later(f"'{record.name}' from '{record.source}'", hint, record.span)


def _later(what: str, hint: str, span: Span) -> Problem:
    return make_problem("SYN40", f"not carried out by this version: {what}", hint, span)


def _unfilled(post: nodes.Post, document: DocumentSchema) -> Iterator[Problem]:
    """Yield fields that the connector requires for a new document.

    A mirror document has the fields of the original.
    """
    sides = (
        (post.fields, document.header, ""),
        (post.line_fields, document.lines, " in each line"),
    )
    for assigns, fields, where in sides:
        given = {assign.name for assign in assigns}
        needed = (field.name for field in fields if getattr(field, "needed", False))
        missing = [name for name in needed if name not in given]
        if missing:
            what = f"posting to '{post.route}' without {', '.join(missing)}{where}"
            hint = f"Add: {missing[0]} = …; {post.route.target} takes no new document without it."
            yield _later(what, hint, post.route.span)


def _not_offered(
    index: Index,
    known: Schemas | None,
    records: tuple[str, ...],
    declared: nodes.Edit | nodes.Cancel,
) -> Iterator[Problem]:
    """Yield rows that change a document in place where the target cannot."""
    routes = [
        post.route
        for record in records
        for post in index.posts.get(record, [])
        if declared.route in (None, post.route)
    ]
    for row in declared.table.rows:
        kind = row.action.kind if isinstance(row.action, nodes.Action) else ""
        for route in routes if kind in ON_DOCUMENT else ():
            document = known.document(route.target, route.document) if known else None
            if kind not in getattr(document, "actions", ()):
                what = f"'{kind}' of a posted {route}, which {route.target} does not offer"
                hint = "Let a person decide: review by …, or take it back by a credit note."
                yield _later(what, hint, row.action.span)
                break


def check_undoing(index: Index) -> Iterator[Problem]:
    """Yield the problems of numbers, reversing routes and their tables."""
    for post in index.ruleset.posts:
        yield from _duplicates(post, index)
        why = _again(post, index)
        if why and "{posting}" not in post.number:
            message = f"this route {why}, so the number '{post.number}' comes twice"
            hint = f'Count the postings: as "{post.number}-{{posting}}".'
            yield make_problem("POS16", message, hint, post.span)
    seen: dict[tuple[str, str], Span] = {}
    for reversal in index.ruleset.reversals:
        yield from _reversal(reversal, index)
        at = (reversal.record, str(reversal.reversing))
        if at in seen:
            message = f"'{reversal.reversing}' is reversed already"
            yield make_problem("NAM20", message, f"It stands in {seen[at]}.", reversal.span)
        seen.setdefault(at, reversal.span)
    reversed_ = {(r.record, str(r.reversing)) for r in index.ruleset.reversals}
    for post, action in _answers(index):
        if action.kind in REVERSED and (post.record, str(post.route)) not in reversed_:
            yield _irreversible(post, action)


def _duplicates(post: nodes.Post, index: Index) -> Iterator[Problem]:
    known = (w.name for d in index.ruleset.duplicates for w in d.records)
    if post.record not in known:
        message = (
            f"nothing says what makes {with_article(post.record)} for {post.route} a duplicate"
        )
        hint = f"Declare 'duplicates of {post.record}' with at least one 'unique by'."
        yield make_problem("POS07", message, hint, post.span)


def _again(post: nodes.Post, index: Index) -> str:
    """Return why a route may post one record more than once, or blank."""
    if post.bill is not None:
        return "bills in parts"
    undoes = {*AGAIN, "void", "credit_note"}
    if any(action.kind in undoes for of, action in _answers(index) if of is post):
        return "may be taken back and posted again"
    return ""


def _answers(index: Index) -> Iterator[tuple[nodes.Post, nodes.Action]]:
    """Yield every answer of both tables for a route: the narrowed one, or else the general one."""
    for post in index.ruleset.posts:
        route = str(post.route)
        tables = (index.edit(post.record, route), index.cancel(post.record, route))
        for row in (row for declared in tables if declared for row in declared.table.rows):
            if isinstance(row.action, nodes.Action):
                yield post, row.action


def _reversal(reversal: nodes.Reversal, index: Index) -> Iterator[Problem]:
    if reversal.record not in index.records:
        hint = did_you_mean(reversal.record, index.records)
        yield make_problem("NAM07", f"there is no record '{reversal.record}'", hint, reversal.span)
        return
    routes = [str(p.route) for p in index.posts.get(reversal.record, [])]
    if str(reversal.reversing) not in routes:
        message = f"{reversal.record} is not posted to '{reversal.reversing}'"
        hint = did_you_mean(str(reversal.reversing), routes)
        yield make_problem("NAM06", message, hint, reversal.reversing.span)
    if "{reversed}" not in reversal.number and "{posting}" not in reversal.number:
        message = "two reversals of one record would have the same number"
        hint = 'Name what is taken back: as "CN-{reversed}".'
        yield make_problem("POS17", message, hint, reversal.span)
    if reversal.route.target not in index.targets:
        hint = did_you_mean(reversal.route.target, index.targets)
        message = f"there is no target '{reversal.route.target}'"
        yield make_problem("NAM09", message, hint, reversal.route.span)


def _irreversible(post: nodes.Post, action: nodes.Action) -> Problem:
    message = f"'{_SAID[action.kind]}' for {post.route}, but nothing says how it is reversed"
    hint = f"Declare: post {post.record} to TARGET.DOCUMENT reversing {post.route}"
    return make_problem("POS18", message, f'{hint} as "CN-{{reversed}}"', action.span)


def check_targets(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """Yield actions that the target of a posted document cannot do."""
    for post, action in _answers(index):
        if action.kind not in ABLE:
            continue
        known = schemas.document(post.route.target, post.route.document)
        can: tuple[str, ...] = tuple(getattr(known, "actions", ()))
        if known is None or action.kind in can:
            continue
        message = f"{post.route.target} cannot {action.kind} {with_article(post.route.document)}"
        others = ", ".join(a for a in ABLE if a in can)
        hint = f"It can {others}. " if others else ""
        hint += "Use review by …, hold for … or block, or reverse it with a credit note."
        yield make_problem("POS19", message, hint, action.span)


@dataclass(frozen=True, slots=True)
class Claims:
    """A check's claims about one record, condition by condition."""

    when: Claim | None
    requires: tuple[Claim, ...]


@dataclass(slots=True, eq=False)
class Studied:
    """What is known about a check while its text is unchanged."""

    names: frozenset[str] | None = None
    claims: dict[str, Claims] = dataclasses.field(default_factory=dict)
    right: bool = False
    """Whether it was asked, and nothing was found."""


class Memory:
    """A cache of the checks' properties by their text; dropping it costs only time.

    Three counters count how often checks were read, examined alone and compared.
    """

    def __init__(self) -> None:
        self.studied = self.asked = self.compared = 0
        self._said: dict[Text, Text] = {}
        self._around: dict[tuple[Text, ...], list[dict[Text, Studied]]] = {}
        self._right: deque[tuple[str, frozenset[Studied]]] = deque(maxlen=_GROUPS)

    def said(self, declared: Iterable[Text]) -> dict[Text, Text]:
        """Return each declaration's lines without blank lines and comments."""
        before = self._said
        self._said = {
            lines: before.get(lines) or tuple(line for line in lines if not is_idle(line))
            for lines in declared
        }
        return self._said

    def known(self, around: tuple[Text, ...], texts: Iterable[Text]) -> dict[Text, Studied]:
        """Return what is known about checks of these texts among these other declarations."""
        before = self._around.pop(around, [])
        found = {
            text: next((known[text] for known in before if text in known), None) or Studied()
            for text in texts
        }
        if all(around):
            for old in [*self._around][: 1 - _KEPT]:
                del self._around[old]
            self._around[around] = [found, *before][:_KEPT]
        return found

    def is_right(self, record: str, group: Sequence[Studied]) -> bool:
        """Check whether these checks of a record were compared before without a finding.

        The order is irrelevant, and other checks may have been present. Repeated checks are
        excluded.
        """
        mine = frozenset(group)
        once = len(mine) == len(group)
        return once and any(of == record and mine <= right for of, right in self._right)

    def found_right(self, record: str, group: Sequence[Studied]) -> None:
        """Store that these checks of a record have no finding together."""
        self._right.append((record, frozenset(group)))


class Look:
    """One look at the checks of a ruleset; with the text of its files it remembers the last one."""

    def __init__(
        self, index: Index, memory: Memory | None = None, sources: Mapping[str, str] | None = None
    ) -> None:
        self.index, self.memory = index, memory or Memory()
        written = _written(sources or {})
        said = self.memory.said(written.values())
        texts = {at: said[lines] for at, lines in written.items()}
        around = tuple(texts.get(_at(node.span), ()) for node in _around(index.ruleset))
        mine = {id(c): texts.get(_at(c.span), ()) for c in index.ruleset.checks}
        known = self.memory.known(around, {*mine.values()} - {()})
        self._studied = {of: known[text] if text else Studied() for of, text in mine.items()}

    def studied(self, check: nodes.Check) -> Studied:
        """Return what is known about a check of this ruleset."""
        return self._studied[id(check)]

    def places(self, check: nodes.Check) -> tuple[Place, ...]:
        """Return a check's expressions and store their names."""
        found = tuple(of_check(check, self.index))
        said = (used_names(place.expr) for place in found)
        self.studied(check).names = frozenset(chain.from_iterable(said))
        return found

    def names(self, check: nodes.Check) -> frozenset[str]:
        """Return every name in a check's expressions and message."""
        known = self.studied(check)
        if known.names is None:
            self.places(check)
        return known.names or frozenset()

    def saying(self, wanted: Collection[str]) -> list[nodes.Check]:
        """Return the checks that use one of these names."""
        one_of = frozenset(wanted)
        return [each for each in self.index.ruleset.checks if self.names(each) & one_of]

    def claims(self, check: nodes.Check, record: str) -> Claims:
        """Return a check's claims about a record."""
        known = self.studied(check)
        if record not in known.claims:
            self.memory.studied += 1
            scope = Scope(self.index, record, line=check.each_line)
            when = claim_of(check.when, scope) if check.when is not None else None
            known.claims[record] = Claims(when, tuple(claim_of(r, scope) for r in check.requires))
        return known.claims[record]


def _written(sources: Mapping[str, str]) -> dict[tuple[str, int], Text]:
    """Return the lines of each declaration by its file and first line."""
    return {
        (file, block.first): block.lines
        for file, text in sources.items()
        for block in split_blocks(normalize_text(text))
    }


def _at(span: Span) -> tuple[str, int]:
    return span.file, span.line


def _around(ruleset: nodes.Ruleset) -> Iterator[Any]:
    """Yield the declarations that a check may mention, and their own references."""
    for shelf in dataclasses.fields(ruleset):
        if shelf.name not in _MENTIONED_BY_NONE:
            yield from getattr(ruleset, shelf.name)
