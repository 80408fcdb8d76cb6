"""Decide about posted documents: edited, cancelled, or changed in the target."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from grammar import nodes
from grammar.text.characters import separated
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Span
from rules.decisions.decision_tables import EditedFields, GroupProgram, TableProgram
from rules.documents.fields import Draft
from rules.expressions.compiler import Compiler, e_invoice_age
from rules.expressions.lists import Shares
from rules.expressions.run import Run
from rules.facts import LINES, NOTHING, VOID, WHOLE, PostingFact, TargetEdit
from rules.outcomes import HIT, PASS, UNKNOWN, Finding, GateSaid, Said, Verdict, gap_finding
from rules.types.symbol_table import Scope
from rules.values.cause_keys import NEVER, CauseKey, CauseKind, Clearing, Unknown, fact_gap
from rules.values.wording import format_expression, readable_name, readable_term

CANCEL, NOT_READY, OVERBILLED = "cancel", "not_ready", "overbilled"

STRICTNESS = (
    "ignore",
    "drop",
    "wait",
    "warn",
    "update",
    "new_document",
    "credit_note",
    "void",
    "credit_and_new",
    "reject",
    "look_up",
    "review",
    "hold",
    "block",
)
"""From the weakest answer to the strictest."""

STOPS = frozenset({"reject", "look_up", "review", "hold", "block"})

ASKS = STOPS | {"warn"}

LEAVES = frozenset({"ignore", "drop", "wait", "warn"})
"""Answers under which a posting stays as it is, and nobody looks at it."""

AGREED = LEAVES - ASKS | {"update"}
"""Answers for a posting whose document says in the target what the record says now. An update finds
it equal and sends nothing; a credit note would have the amounts that were posted.
"""

_REASONS = {
    CANCEL: "the record is cancelled now",
    NOT_READY: "the record may not go any more",
    OVERBILLED: "it bills more than it may now",
}

TARGET_EDIT_RULE = "target_edited"

_AS_POSTED = "the accounting system shows again what was posted"

NUMBER_REUSE_RULE, NUMBER_REUSE_CODE = "taken_back", "STL04"
"""A release of this finding confirms that a person assigned the document to another document."""

BILL_HEADER_RULE = "bill_header"
"""A release of this finding confirms that a person billed the amount separately or waived it."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """What a finding has in common with others."""

    error_class: ErrorClass
    kind: CauseKind
    label: str


_CHANGED = _Cause("stale_version", CauseKind.STALE, "Changed in the accounting system")


_STORED = _Cause("uncertain", CauseKind.STALE, "Stored otherwise than sent")


_GONE = _Cause("uncertain", CauseKind.GONE, "Not in the accounting system")


@dataclass(frozen=True, slots=True)
class Act:
    """The answer for one posting."""

    action: nodes.Action
    posting: PostingFact
    rule: str
    span: Span
    reason: str
    now: str = ""  # what the changed amounts and status are now


@dataclass(slots=True)
class Answer:
    """The answers for all live postings of a route, with the verdicts on the way."""

    acts: list[Act] = field(default_factory=list)
    said: Said = field(default_factory=Said)

    @property
    def stops(self) -> bool:
        """Whether a person decides, so that nothing else is carried out."""
        return any(act.action.kind in STOPS for act in self.acts)


@dataclass(frozen=True, slots=True)
class Case:
    """The record's current gate word, whether the route applies, and whether it bills too much."""

    gate: GateSaid
    applies: Any
    over: Any
    agreeing: frozenset[int] = frozenset()  # postings that match the record in the target


class PostedProgram:
    """The tables of one route. `day_field` is the date of its document in the target."""

    def __init__(
        self,
        compiler: Compiler,
        route: str,
        *,
        day_field: str,
        period: Callable[[Run, Any], Any],
        owner: str,
        words: str,
    ) -> None:
        index, record = compiler.index, compiler.record
        self.route, self.owner = route, compiler.owner
        self.day_field, self.period = day_field, period
        self.target_owner, self.words = owner, words
        status = index.status_field(record)
        self.status = status.name if status else ""
        edit, cancel = index.edit(record, route), index.cancel(record, route)
        self.edit = TableProgram(edit.table, compiler) if edit else None
        self.cancel = TableProgram(cancel.table, compiler) if cancel else None
        self.groups = GroupProgram(edit.groups if edit else ())
        self.fields = EditedFields(index, record, self.groups.apart)
        self.in_words = compiler.currencies.amount
        self.money = frozenset(
            f.name
            for f in index.fields[record].values()
            if isinstance(f, nodes.Field) and f.type == "money"
        )
        post = index.routes()[route]
        self.names = NamesBefore(compiler, post)
        self.header = HeaderLeft(compiler, post, tabled=self.edit is not None)

    def table(self, gate: GateSaid) -> TableProgram | None:
        """Return the table that decides about posted documents, or None."""
        return self.cancel if gate == "cancel" else self.edit

    def judge(
        self, run: Run, table: TableProgram, lives: tuple[PostingFact, ...], case: Case
    ) -> Answer:
        """Return the strictest answers for each live posting."""
        answer = Answer()
        for posting in lives:
            values = {
                "period": self.period(run, self._day(posting)),
                "e_invoice_age": e_invoice_age(run, posting, self.target_owner, self.words),
            }
            groups = (
                {CANCEL: ()} if case.gate == "cancel" else self._groups(run, posting, case, answer)
            )
            acts = []
            moved = any(self.status in fields for fields in groups.values())
            status = self._status(run) if moved and NOT_READY not in groups else ()
            for group, fields in groups.items():
                facts = {**values, "changed": group}
                now = self._now(run, fields, status if group not in _REASONS else ())
                answers = self._look_up(run, table, posting, group, fields, facts, answer)
                settled = posting.seq in case.agreeing and group not in _REASONS
                acts += [
                    replace(one, now=now)
                    for one in answers
                    if not settled or one.action.kind in AGREED
                ]
            before = len(answer.acts)
            for act in strictest_acts(acts):
                self._count(run, act, answer)
            if LEAVES.issuperset(act.action.kind for act in answer.acts[before:]):
                named = self.names.judge(run, posting)
                answer.said.add(named)
        return answer

    def _day(self, posting: PostingFact) -> Any:
        """Return the posted document's date."""
        fields = (posting.content or {}).get("fields")
        text = fields.get(self.day_field) if isinstance(fields, Mapping) else None
        try:
            return date.fromisoformat(str(text)[:10])
        except ValueError:
            return Unknown(
                fact_gap("period", self.target_owner, self.words.replace("{field}", "period"))
            )

    def _groups(
        self, run: Run, posting: PostingFact, case: Case, answer: Answer
    ) -> dict[str, tuple[str, ...]]:
        """Return the groups of changes to look up, with each group's changed fields."""
        fields = self.fields.of(run, posting)
        unsure = [v for v in (case.applies, case.over) if type(v) is Unknown]
        if fields is None:
            unsure.append(Unknown(fact_gap("changed", self.owner)))
        for gap in (g for value in unsure for g in value.gaps if not g.silent):
            answer.said.findings.append(gap_finding(gap, self.route))
        found = self.groups.changed(fields or ())
        if case.gate in {"hold", "wait", "ignore"} or case.applies is False:
            found[NOT_READY] = self._status(run) if case.gate != "ready" else ()
        if case.over is True:
            found[OVERBILLED] = ()
        return found

    def _status(self, run: Run) -> tuple[str, ...]:
        """Return the record's status as a tuple, empty if it is not a text."""
        status = run.head.get(self.status)
        return (status,) if isinstance(status, str) else ()

    def _look_up(
        self,
        run: Run,
        table: TableProgram,
        posting: PostingFact,
        group: str,
        fields: tuple[str, ...],
        facts: Mapping[str, Any],
        answer: Answer,
    ) -> list[Act]:
        """Return the table's answer for one group of changes, and add its verdict.

        Without a matching row the answer is `hold`. If a fact of the rows is unknown, add findings.
        """
        hit = table.find(facts, run)
        reason = _REASONS.get(group) or f"{group} changed: {', '.join(map(_said, fields))}"
        if group == NOT_READY and fields:
            reason = f"its status is {readable_name(fields[0])} now"
        text = f"{posting.number} is posted, but {reason}."
        action = hit.row.action if hit.row else None
        if group == OVERBILLED and isinstance(action, nodes.Action):
            action = self._mends(action)
        found = []
        if isinstance(action, nodes.Action) and hit.row is not None:
            found.append(Act(action, posting, group, hit.row.span, text))
        elif hit.gaps is not None:
            answer.said.findings += [
                gap_finding(g, self.route) for g in hit.gaps.gaps if not g.silent
            ]
        else:
            owner = nodes.Action("hold", self.owner, table.span)
            found.append(
                Act(owner, posting, group, table.span, f"{text} No row of the table answers.")
            )
        kind = found[0].action.kind if found else ""
        result = UNKNOWN if not found else PASS if kind == "ignore" else HIT
        answer.said.verdicts.append(
            Verdict(
                group,
                "change",
                self.route,
                result,
                found[0].span if found else table.span,
                (("posted as", posting.number), *hit.operands),
                None,
                text if result == HIT else "",
                kind in ASKS and (self.route, group) in run.facts.releases,
            )
        )
        return found

    def _now(self, run: Run, fields: tuple[str, ...], status: tuple[str, ...]) -> str:
        """Return what the status and the header's amounts that changed are now."""
        values = [run.head.get(name) for name in fields if name in self.money]
        amounts = [self.in_words(run, value) for value in values if isinstance(value, Decimal)]
        return ", ".join([*map(readable_name, status), *amounts])

    def _mends(self, action: nodes.Action) -> nodes.Action:
        """Return the action for an overbilled document.

        It is `hold` instead of `update`, because an update would bill just as much.
        """
        held = nodes.Action("hold", self.owner, action.span)
        return held if action.kind == "update" else action

    def _count(self, run: Run, act: Act, answer: Answer) -> None:
        """Add an answer, with its finding where a person must decide and has not released it."""
        if act.action.kind in ASKS:
            if act.action.kind != "block" and (self.route, act.rule) in run.facts.releases:
                return
            answer.said.findings.append(self._finding(act))
        answer.acts.append(act)

    def _finding(self, act: Act) -> Finding:
        kind, owner = act.action.kind, act.action.role or self.owner
        block = kind == "block"
        say = "It may not be changed any more." if block else "It stays until a person decides."
        return Finding(
            code="STL02" if block else "STL01",
            error_class="stale_version",
            rule=act.rule,
            route=self.route,
            severity="warn" if kind == "warn" else "hold",
            owner=owner,
            message=f"{act.reason} {say} Now: {act.now}." if act.now else f"{act.reason} {say}",
            clears=NEVER if block else Clearing.by(owner),
            cause_key=CauseKey(CauseKind.STALE, self.route),
            cause_label=f"Changed after posting to {readable_term(self.route)}",
            would_pass=f"the record says again what {act.posting.number} says",
            span=act.span,
        )


def _said(field: str) -> str:
    """Return a changed field's name for display: `line price` is a field of the lines."""
    return readable_name(field)


def strictest_acts(acts: Iterable[Act]) -> tuple[Act, ...]:
    """Return the strictest answers; of equally strict ones, one per requested role."""
    ranked = sorted(
        acts, key=lambda a: (-STRICTNESS.index(a.action.kind), a.action.role or "", a.rule)
    )
    best = [a for a in ranked if a.action.kind == ranked[0].action.kind]
    by_role: dict[str | None, Act] = {}
    for act in best:
        by_role.setdefault(act.action.role, act)
    return tuple(by_role.values())


class TargetEditProgram:
    """Evaluate `we own` and `they own` of one route: edits made in the target after posting."""

    def __init__(self, post: nodes.Post, owner: str) -> None:
        self.route = str(post.route)
        self.theirs = frozenset(post.they_own)
        self.action = post.we_own
        self.owner = post.we_own.role or owner

    def judge(
        self,
        run: Run,
        lives: tuple[PostingFact, ...],
        newest: Mapping[int, Draft],
        credited: frozenset[int] = frozenset(),
    ) -> Said:
        """Return a verdict for the differences, and one finding per posting with a changed field of
        ours.

        `newest`: by posting, the document as the record makes it now; an equal one is right.
        `credited`: the postings with a credit note, which has the posted amounts, so no release
        allows it while other amounts are in the target.
        """
        said = Said()
        for posting in lives:
            edits = [e for e in _edits_of(run, posting) if e.field not in self.theirs]
            if edits and edits[0].field == WHOLE:
                self._whole(run, posting, edits[0].shows, said)
                continue
            now = newest.get(posting.seq)
            differing = [
                (edit, ours)
                for edit in edits
                if not is_same_value(ours := _posted_value(posting, edit), edit.shows)
                and not (now and is_same_value(_value_of(now, edit), edit.shows))
            ]
            if differing:
                amounts = any(_is_number(e.shows) and _is_number(ours) for e, ours in differing)
                stuck = amounts and posting.seq in credited and self.action.kind in STOPS
                self._say(run, posting, _in_words(differing), said, kind="block" if stuck else "")
        return said

    def judge_stored(
        self, run: Run, lives: tuple[PostingFact, ...], credited: Container[int]
    ) -> Said:
        """Return a finding for each document that gets a credit note and that the target stored
        with other amounts. No release lets the credit note go.
        """
        said = Said()
        for posting in lives if credited else ():
            at = (posting.route, posting.seq)
            stored = [e for e in run.facts.stored_otherwise if (e.route, e.seq) == at]
            shown = [(e, _posted_value(posting, e)) for e in stored]
            differing = [(e, ours) for e, ours in shown if not is_same_value(ours, e.shows)]
            if differing and posting.seq in credited:
                self._stored(run, posting, _in_words(differing), said)
        return said

    def _stored(
        self, run: Run, posting: PostingFact, shown: tuple[tuple[str, str], ...], said: Said
    ) -> None:
        text = (
            f"The accounting system stored {posting.number} otherwise than it was sent:"
            f" {_listed(shown)}. A credit note would have the amounts that were sent."
        )
        self._add(run, posting, said, text, shown, _STORED, "block")

    def shows(self, run: Run, posting: PostingFact) -> dict[tuple[int | None, str], str]:
        """Return the target's values in the edited fields listed under `they own`."""
        found = {(e.line, e.field): e.shows for e in _edits_of(run, posting)}
        return {place: text for place, text in found.items() if place[1] in self.theirs}

    def _say(
        self,
        run: Run,
        posting: PostingFact,
        shown: tuple[tuple[str, str], ...],
        said: Said,
        *,
        kind: str,
    ) -> None:
        names = _listed(shown)
        text = f"{posting.number} was changed in the accounting system: {names}."
        self._add(run, posting, said, text, shown, _CHANGED, kind or self.action.kind)

    def _whole(self, run: Run, posting: PostingFact, shows: str, said: Said) -> None:
        """Add the finding for a missing or void document; no field's answer applies to it."""
        gone = shows == NOTHING
        words = {
            NOTHING: f"{posting.number} is not in the accounting system, though it took it.",
            VOID: f"{posting.number} was made void in the accounting system.",
        }
        kind = "review" if self.action.kind in ("ignore", "warn") else self.action.kind
        text, shown = words.get(shows, shows), ((WHOLE, shows),)
        self._add(run, posting, said, text, shown, _GONE if gone else _CHANGED, kind)

    def _add(
        self,
        run: Run,
        posting: PostingFact,
        said: Said,
        text: str,
        shown: tuple[tuple[str, str], ...],
        cause: _Cause,
        kind: str,
    ) -> None:
        released = kind != "block" and _is_released(run, posting)
        result = PASS if kind == "ignore" else HIT
        operands = (("posted as", posting.number), *shown)
        said.verdicts.append(
            Verdict(
                TARGET_EDIT_RULE,
                "change",
                self.route,
                result,
                self.action.span,
                operands,
                None,
                text,
                released,
            )
        )
        if kind == "ignore" or released:
            return
        said.findings.append(
            Finding(
                code="STL03",
                error_class=cause.error_class,
                rule=TARGET_EDIT_RULE,
                route=self.route,
                severity="warn" if kind == "warn" else "hold",
                owner=self.owner,
                message=text,
                clears=NEVER if kind == "block" else Clearing.by(self.owner),
                cause_key=CauseKey(cause.kind, self.route),
                cause_label=f"{cause.label}, {self.route}",
                would_pass=_AS_POSTED,
                span=self.action.span,
            )
        )


def _is_released(run: Run, posting: PostingFact) -> bool:
    """Check whether a person released the edit of this document.

    Facts that were stored before have one release for all documents of a route.
    """
    at = (posting.route, posting.seq)
    of_route = (posting.route, TARGET_EDIT_RULE)
    return at in run.facts.edits_released or of_route in run.facts.releases


def _in_words(differing: Iterable[tuple[TargetEdit, str]]) -> tuple[tuple[str, str], ...]:
    """Return each differing field's name, and its posted value with the target's value."""
    return tuple((_field_label(edit), f"{ours} is {edit.shows} there") for edit, ours in differing)


def _listed(shown: tuple[tuple[str, str], ...]) -> str:
    words = [(name, separated(text)) for name, text in shown[:8]]
    return ", ".join(f"{name} {text}" for name, text in words)


def _is_number(text: str) -> bool:
    """Check whether a value is an amount, a price or a quantity."""
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _value_of(draft: Draft, edit: TargetEdit) -> str:
    """Return the value that the record's current document has in an edited field."""
    if edit.field == LINES and edit.line is None:
        return str(len(draft.lines))
    if edit.line is None:
        value = draft.fields.get(edit.field)
        return sum_of_lines(draft.lines, edit.field) if value is None else str(value)
    inside = 0 < edit.line <= len(draft.lines)
    return str(draft.lines[edit.line - 1].get(edit.field, "(missing)")) if inside else "(missing)"


def sum_of_lines(lines: object, field: str) -> str:
    """Return the sum of a field over all lines, such as the tax if the target shows only its
    sum.
    """
    rows = lines if isinstance(lines, list | tuple) else ()
    try:
        values = [Decimal(str(row[field])) for row in rows]
    except (KeyError, InvalidOperation):
        return "(missing)"
    return str(sum(values, Decimal())) if values else "(missing)"


def agreeing_postings(
    run: Run,
    lives: Iterable[PostingFact],
    newest: Mapping[int, Draft],
    worked_out: frozenset[str],
) -> frozenset[int]:
    """Return the postings whose documents in the target match the record as it is now.

    A person corrected them there, so nothing remains to decide. `worked_out`: the fields that the
    target computes from others.
    """
    return frozenset(
        posting.seq
        for posting in lives
        if posting.seq in newest and _agrees(run, posting, newest[posting.seq], worked_out)
    )


def _agrees(run: Run, posting: PostingFact, draft: Draft, worked_out: frozenset[str]) -> bool:
    """Check whether the posted content with the target's edits is what the record makes now."""
    content = posting.content or {}
    header, lines = content.get("fields"), content.get("lines")
    edits = _edits_of(run, posting)
    whole = any(edit.field in (WHOLE, LINES) and edit.line is None for edit in edits)
    if (
        whole
        or draft.gaps
        or not isinstance(header, Mapping)
        or not isinstance(lines, list | tuple)
    ):
        return False
    shown = {(edit.line or 0, edit.field): edit.shows for edit in edits}
    if len(lines) != len(draft.lines):
        return False
    pairs = zip([header, *lines], [draft.fields, *draft.lines], strict=True)
    return all(
        is_same_value(str(shown.get((no, name), posted.get(name, ""))), str(now.get(name, "")))
        for no, (posted, now) in enumerate(pairs)
        for name in {*posted, *now}
        if name not in worked_out or (no, name) in shown
    )


def _edits_of(run: Run, posting: PostingFact) -> list[TargetEdit]:
    """Return the edits of a posting's document in the target."""
    at = (posting.route, posting.seq)
    return [e for e in run.facts.target_edited if (e.route, e.seq) == at]


def _field_label(edit: TargetEdit) -> str:
    """Return an edited field's name for display; a line's field begins with the line number."""
    return edit.field if edit.line is None else f"line {edit.line} {edit.field}"


def _posted_value(posting: PostingFact, edit: TargetEdit) -> str:
    """Return the value that was posted in an edited field, `(missing)` if there is none.

    A header field that was not posted gives the sum of the lines' fields with that name. The field
    LINES without a line number gives the number of lines.
    """
    content = posting.content or {}
    row = content.get("fields")
    is_head = edit.line is None and edit.field != LINES
    if is_head and isinstance(row, Mapping) and edit.field not in row:
        return sum_of_lines(content.get("lines"), edit.field)
    if edit.field == LINES and edit.line is None:
        lines = content.get("lines")
        return str(len(lines)) if isinstance(lines, list | tuple) else "(missing)"
    if edit.line is not None:
        lines = content.get("lines")
        inside = isinstance(lines, list | tuple) and 0 < edit.line <= len(lines)
        row = lines[edit.line - 1] if inside and isinstance(lines, list | tuple) else None
    return str(row.get(edit.field, "(missing)")) if isinstance(row, Mapping) else "(missing)"


def is_same_value(ours: str, theirs: str) -> bool:
    """Check whether two texts have one value: `96.00` and `96.0` do.

    >>> is_same_value("96.00", "96.0"), is_same_value("A", "a")
    (True, False)
    """
    if ours.strip() == theirs.strip():
        return True
    try:
        return Decimal(ours) == Decimal(theirs)
    except InvalidOperation:
        return False


class NamesBefore:
    """Find posted documents that name a document which was reversed later.

    Only fields whose formula is exactly `number_of(ROUTE)` are read.
    """

    def __init__(self, compiler: Compiler, post: nodes.Post) -> None:
        self.route, self.span = str(post.route), post.span
        self.owner = post.we_own.role or compiler.owner
        self.named = tuple(
            (field.name, format_expression(field.expr.args[0]))
            for field in post.fields
            if isinstance(field.expr, nodes.Call) and field.expr.name == "number_of"
        )

    def judge(self, run: Run, posting: PostingFact) -> Said:
        """Return the finding for the first reversed document that a posting names, with its
        verdict.

        A person may have confirmed that it is settled.
        """
        said, back = Said(), run.facts.taken_back
        told = [(self._shown(run, posting, field), before) for field, before in self.named]
        gone = next(((name, by) for name, by in told if name in back.get(by, ())), None)
        if gone is None:
            return said
        number, before = gone
        text = self._text(run, posting, number, before)
        released = (self.route, NUMBER_REUSE_RULE) in run.facts.releases
        shown = (("posted as", posting.number), ("names", number))
        said.verdicts.append(
            Verdict(
                NUMBER_REUSE_RULE, "change", self.route, HIT, self.span, shown, None, text, released
            )
        )
        if not released:
            said.findings.append(self._finding(run, posting, text, before))
        return said

    def _shown(self, run: Run, posting: PostingFact, field: str) -> str:
        """Return a number field's value in the target, or else the posted one."""
        at = (posting.route, posting.seq, None, field)
        for edit in run.facts.target_edited:
            if (edit.route, edit.seq, edit.line, edit.field) == at:
                return edit.shows
        fields = (posting.content or {}).get("fields")
        return str(fields.get(field, "")) if isinstance(fields, Mapping) else ""

    def _text(self, run: Run, posting: PostingFact, number: str, before: str) -> str:
        instead = run.facts.documents_of_family.get(before)
        if not instead:
            return f"{posting.number} is posted, but {number}, which it names, was taken back."
        return (
            f"{posting.number} is posted, but {number}, which it names, was taken back;"
            f" {instead} is posted instead."
        )

    def _finding(self, run: Run, posting: PostingFact, text: str, before: str) -> Finding:
        instead = run.facts.documents_of_family.get(before)
        assigned = f"{posting.number} is assigned to {instead} in the accounting system"
        refunded = f"{posting.number} is refunded or assigned again in the accounting system"
        return Finding(
            code=NUMBER_REUSE_CODE,
            error_class="stale_version",
            rule=NUMBER_REUSE_RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} The posted document stays until a person decides.",
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, NUMBER_REUSE_RULE),
            cause_label=f"Names a document that was taken back, {readable_term(self.route)}",
            would_pass=assigned if instead else refunded,
            span=self.span,
        )


class HeaderLeft:
    """Find header amounts of a route that remain on no document after the last partial bill.

    It is used only with an edit table (`tabled`). Rules without a table report each difference.
    """

    def __init__(self, compiler: Compiler, post: nodes.Post, *, tabled: bool) -> None:
        self.in_words = compiler.currencies.amount
        scope = Scope(compiler.index, compiler.record, document=True, bills=True)
        fields = post.fields if tabled else ()
        calls = [part for field in fields for part in nodes.walk(field.expr) if _in_parts(part)]
        self.route, self.span = str(post.route), post.bill.span if post.bill else post.span
        told = post.bill.action.role if post.bill else None
        self.owner = told or post.we_own.role or compiler.owner
        self.amounts = [
            (format_expression(call.args[0]), compiler.guarded(call, scope, BILL_HEADER_RULE, ""))
            for call in calls
        ]

    def judge(self, run: Run, shares: Shares, standing: tuple[str, ...]) -> Said:
        """Return a verdict and, unless released, a finding for amounts on no standing document.

        `shares` are the lines' shares in a further document, which would bill no line.
        """
        said = Said()
        if not self.amounts or shares.final:
            return said
        left = self._left(run, shares)
        if not left:
            return said
        text = (
            f"Nothing more of it is to be billed, but {left} is on none of {', '.join(standing)}."
        )
        released = (self.route, BILL_HEADER_RULE) in run.facts.releases
        said.verdicts.append(
            Verdict(
                BILL_HEADER_RULE, "change", self.route, HIT, self.span, (), None, text, released
            )
        )
        if not released:
            said.findings.append(self._finding(text))
        return said

    def _left(self, run: Run, shares: Shares) -> str:
        """Return the amounts with their names; unknown ones are omitted."""
        before, run.route.bill = run.route.bill, shares
        try:
            found: list[tuple[str, Any]] = [(name, amount(run)) for name, amount in self.amounts]
        finally:
            run.route.bill = before
        told = {readable_name(name): a for name, a in found if isinstance(a, Decimal) and a}
        return " and ".join(f"{name} of {self.in_words(run, a)}" for name, a in told.items())

    def _finding(self, text: str) -> Finding:
        return Finding(
            code="BIL02",
            error_class="business_rule",
            rule=BILL_HEADER_RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=text,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, BILL_HEADER_RULE),
            cause_label="A header amount is on no document",
            would_pass="the amount is billed by hand, or waived",  # noqa: S106 - no password
            span=self.span,
        )


def _in_parts(node: object) -> bool:
    return isinstance(node, nodes.Call) and node.name == "due_of"
