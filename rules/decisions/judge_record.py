"""Judge one record, or many records, under all routes of its kind."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from rules.decisions.document_rules import (
    DuplicateProgram,
    Shared,
    day_in,
    order_by_dependency,
    who_decides,
)
from rules.decisions.fast_path import KindGlances
from rules.decisions.route_rules import RouteProgram
from rules.decisions.verdict import READY_STATE as READY
from rules.decisions.verdict import Judged, valid_until
from rules.documents.fields import RecordHead
from rules.documents.unit_proofs import ProofProgram, line_exprs
from rules.expressions.checks import SharedRead, number_checks
from rules.expressions.compiler import Compiler, live_postings
from rules.expressions.lists import line_key
from rules.expressions.run import (
    MOST_LINES,
    SILENT,
    WHOLE,
    Content,
    Detail,
    EmptyLine,
    Reader,
    RetreatError,
    Run,
    is_left_out,
)
from rules.facts import Facts, PostingFact, Subject, World
from rules.outcomes import Glance, Outcome, RouteGlance, RuleNumbers, keep_gaps
from rules.types.symbol_table import Index, Schemas
from rules.values.cause_keys import Gap, Unknown, limit_gap
from rules.values.kinds import CONTEXT, clean_text
from rules.values.wording import NotExactError

ENGINE = "interpreter-1"
"""The meaning that answered, whichever way it was run: it changes only if an answer could."""

_NO_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)

_NO_WORLD = World.build(0, {}, {}, {})
"""Where nothing is looked up. One for all: maps remember what the last world answered."""

Engine = Callable[[Index, str, ZoneInfo], Compiler]
"""What compiles the expressions of a record kind, in a zone."""

EvaluationInput = tuple[Subject, Facts, World, datetime]
"""A version of a record, what is known of it, the world and the moment."""

V = TypeVar("V")

W = TypeVar("W")

_NOTHING = Decimal(0)


@dataclass(slots=True)
class _Way:
    """One record on its way to its outcome, after each step."""

    subject: Subject
    content: Content
    gaps: dict[Gap, list[int]]
    run: Run
    seen: list[RouteGlance] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Restated:
    """One posted document as the record has it now.

    `goes`: whether the rules would post the record as it is; where not, `amount` is nothing. An
    `amount` of None cannot be worked out. `keys` and `posted_keys` name the lines now and the lines
    that are posted, in their order.
    """

    route: str
    seq: int
    goes: bool
    amount: Decimal | None
    fields: Mapping[str, str]
    lines: tuple[Mapping[str, str], ...]
    keys: tuple[str, ...]
    posted_keys: tuple[str, ...]


class KindProgram:
    """Every rule about one record kind."""

    def __init__(
        self,
        index: Index,
        record: str,
        schemas: Schemas | None,
        *,
        engine: Engine,
        numbers: RuleNumbers,
    ) -> None:
        declared = index.records[record]
        source = index.sources.get(declared.source or "")
        self.source = source.name if source else ""
        self.zone = ZoneInfo(source.zone if source else "UTC")
        self.compiler = engine(index, record, self.zone)
        self.reader = Reader(index, record, self.compiler.rows)
        checks = number_checks(
            self.compiler,
            [c for c in index.ruleset.checks if any(w.name == record for w in c.records)],
            numbers,
        )
        everywhere = [c for c in checks if c.everywhere]
        self.common = self.compiler.together(everywhere)
        posts = index.posts.get(record, [])
        proofs = ProofProgram(self.compiler, line_exprs(index, record, posts))
        self.routes = [
            RouteProgram(self.compiler, p, checks, self.common, proofs, schemas) for p in posts
        ]
        self.in_order = order_by_dependency(self.routes)
        self.duplicates = _unique_declarations(self.routes)
        self.numbers = numbers
        self.glances = KindGlances(
            self.compiler,
            self.routes,
            checks=everywhere,
            common=self.common,
            proofs=proofs,
            numbers=numbers,
        )
        self.status = self.reader.status
        self.head = RecordHead(self.compiler, [route.document.shape for route in self.routes])
        self.span = declared.span

    def judge(
        self, subject: Subject, facts: Facts, world: World, now: datetime, told: Detail = WHOLE
    ) -> Outcome:
        """Return the outcome of one version of one record, with the requested part of the story."""
        asked = (subject, facts, world, now)
        with decimal.localcontext(CONTEXT):
            try:
                return self._outcome(asked, told, stepwise=self.common is None)
            except RetreatError:
                return self._outcome(asked, told._replace(full=True), stepwise=True)

    def judge_all(
        self, asked: Sequence[EvaluationInput], told: Detail
    ) -> list[Outcome | Exception]:
        """Return each outcome, or the reason for its absence.

        Each step runs for all records before the next step, so that its code stays in the
        processor's caches.
        """
        stepwise = self.common is None
        begin = partial(self._begun, told=told, stepwise=stepwise)
        with decimal.localcontext(CONTEXT):
            begun = [_tried(begin, one) for one in asked]
            seen = [_tried(self._looked, way) for way in begun]
            decided = [_tried(self._decided, way) for way in seen]
            found = [_tried(self._told, way) for way in decided]
        again = partial(self._retreated, told=told)
        return [
            _tried(again, asked[at]) if isinstance(one, RetreatError) else one
            for at, one in enumerate(found)
        ]

    def read(self, subject: Subject, once: SharedRead) -> None:
        """Read a record for two glances at it."""
        with decimal.localcontext(CONTEXT):
            once.read = self._read(subject.body)

    def glance(
        self,
        subject: Subject,
        facts: Facts,
        world: World,
        now: datetime,
        once: SharedRead | None = None,
    ) -> Glance:
        """Return a quick outcome, complete only where nothing is missing or posted.

        `once` is shared with another program that reads this record alike, in one world.
        """
        asked = (subject, facts, world, now)
        try:
            with decimal.localcontext(CONTEXT):
                content, gaps = (once and once.read) or self._read(subject.body)
                run = self._run(content, facts, world, now)
                if once is not None:
                    once.read, run.once = (content, gaps), once
                    if (carried := self.glances.carried(run, once)) is not None:
                        run.close()
                        return carried
                closely = gaps or content.faults or facts.conflicts
                seen = None if closely else self.glances.glance(run)
                amount = self.head.amount(run) if seen is not None else None
                run.close()
                if once is not None and seen is None:
                    once.forget()
                if seen is None:
                    stepwise = self.common is None
                    outcome = self._outcome(asked, SILENT, stepwise=stepwise)
                    found = self.numbers.glance(outcome)
                else:
                    found = Glance(seen, amount)
        except RetreatError:
            return self.numbers.glance(self.judge(*asked))
        if once is not None:
            once.first_glance = (found, self.numbers)
        return found

    def _outcome(self, asked: EvaluationInput, told: Detail, *, stepwise: bool) -> Outcome:
        return self._told(self._decided(self._looked(self._begun(asked, told, stepwise))))

    def _retreated(self, asked: EvaluationInput, told: Detail) -> Outcome:
        return self.judge(*asked, told)

    def _begun(self, asked: EvaluationInput, told: Detail, stepwise: bool) -> _Way:
        """Read."""
        subject, facts, world, now = asked
        content, gaps = self._read(subject.body)
        run = self._run(content, facts, world, now)
        # A check that is asked for itself has the numbers of its lines.
        run.version, run.stepwise = subject.version, stepwise or run.shown is not run.lines
        run.story, run.whole = told
        return _Way(subject, content, gaps, run)

    def _looked(self, way: _Way) -> _Way:
        """Return the record's glance where one is enough; its documents are kept."""
        run = way.run
        closely = way.gaps or run.faults or run.facts.conflicts
        if run.story and not run.whole and not closely:
            run.drafts = {}
            way.seen = [s for s in self.glances.glance(run) or () if not s.unknown]
        return way

    def _decided(self, way: _Way) -> _Way:
        """Return the record's decisions, with words where it does not simply pass."""
        run, seen, status_word = way.run, way.seen, way.content.status_word
        passed = [s for s in seen if s.state is READY and not s.fail]
        if passed and len(passed) == len(self.routes):
            way.judged = self.glances.ready(run, status_word)
        else:
            run.seen = {s.route: s.fail for s in seen}
            way.judged = self._each(run, way.gaps, status_word)
        if (run.steps < 0 and not run.stepwise) or (run.long and not run.whole):
            raise RetreatError  # the rule that runs out must be the one that says so
        return way

    def _told(self, way: _Way) -> Outcome:
        """Put together."""
        run, head, judged, status_word = way.run, self.head, way.judged, way.content.status_word
        decisions = [j.decision for j in judged]
        status = run.head.get(self.status)
        outcome = Outcome(
            decisions=tuple(decisions),
            verdicts=tuple([v for j in judged for v in j.verdicts]),
            used=run.all_uses(),
            lineage=tuple([entry for j in judged for entry in j.lineage]),
            status=status if isinstance(status, str) else "",
            status_word=clean_text(status_word[:200]),
            number=head.number(run),
            party=head.party(run, way.subject.body),
            doc_date=head.day(run, decisions),
            amount=head.amount(run),
            currency=head.currency(run, decisions),
            valid_until=valid_until(run, decisions, self.zone),
            engine=ENGINE,
        )
        run.close()
        return outcome

    def _each(self, run: Run, gaps: dict[Gap, list[int]], status_word: str) -> list[Judged]:
        """Return each route's decision, with words where it does not simply pass."""
        shared: Shared = {}
        by_route = {}
        for route in self.in_order:
            one = route.decide(run, gaps=gaps, status_word=status_word, shared=shared)
            by_route[route.name] = one
            held = who_decides(one.decision)
            if held:
                run.held[route.name] = held
        return [by_route[route.name] for route in self.routes]

    def restated(
        self, subject: Subject, facts: Facts, world: World, now: datetime
    ) -> tuple[Restated, ...]:
        """Return a record's posted documents, made again from the given version."""
        with decimal.localcontext(CONTEXT):
            run = self.opened(subject, facts, world, now)
            run.version, run.stepwise = subject.version, True
            run.story = run.whole = False
            found = tuple(one for route in self.routes for one in restate_postings(route, run))
            run.close()
            return found

    def opened(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Run:
        """Return the record as rules see it, before any rule is evaluated."""
        content, _ = self._read(subject.body)
        return self._run(content, facts, world, now)

    def link_keys(self, body: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """Return names and values by which records find each other as duplicates."""
        with decimal.localcontext(CONTEXT):
            content, _ = self._read(body)
            run = self._run(content, Facts(_NO_MOMENT), _NO_WORLD, _NO_MOMENT)
            found: dict[tuple[str, str], None] = {}
            for duplicate in self.duplicates:
                try:
                    found.update(dict.fromkeys(duplicate.link_keys(run)))
                except (ArithmeticError, TypeError, NotExactError):
                    continue
            for route in self.routes:
                number = route.document.number(run)
                if isinstance(number, str) and number:
                    found[f"doc:{route.name}", number] = None
            run.close()
            return tuple(found)

    def _read(self, body: Mapping[str, object]) -> tuple[Content, dict[Gap, list[int]]]:
        content = self.reader.read(body)
        gaps: dict[Gap, list[int]] = {}
        for gap, line in content.gaps:
            keep_gaps(gaps, Unknown(gap), line)
        if content.too_many_lines:
            reason = ArithmeticError(f"it has more than {MOST_LINES} lines")
            gaps = {limit_gap("lines", self.compiler.owner, "lines", reason, self.span): []}
        return content, gaps

    def _run(self, content: Content, facts: Facts, world: World, now: datetime) -> Run:
        today = day_in(now, self.zone)
        run = Run(content=content, facts=facts, world=world, now=now, today=today)
        if world.later:
            day = self.compiler.day_of(run)
            run.world = world.at(day if isinstance(day, date) else today)
        return run


def _unique_declarations(routes: list[RouteProgram]) -> list[DuplicateProgram]:
    found = {id(d.declared): d for r in routes for d in r.duplicates}
    return list(found.values())


def _tried(step: Callable[[V], W], value: V | Exception) -> W | Exception:
    """Return a step's result; an earlier failure is passed on."""
    if isinstance(value, Exception):
        return value
    try:
        return step(value)
    except Exception as error:  # noqa: BLE001 - the others go on
        return error


def restate_postings(route: RouteProgram, run: Run) -> tuple[Restated, ...]:
    """Return a route's live postings, each made again from the record."""
    lives = live_postings(run.facts.postings, route.name)
    goes = bool(lives) and route.gate.word(run) == "ready"
    return tuple(_one(route, run, posting, lives, goes=goes) for posting in lives)


def _one(
    route: RouteProgram,
    run: Run,
    posting: PostingFact,
    lives: tuple[PostingFact, ...],
    *,
    goes: bool,
) -> Restated:
    draft = route.again(run, posting, lives)
    goes = goes and (route.when is None or route.when.run(run) is True)
    document = route.document.document(run, draft)
    amount = document.amount if document is not None else None
    key = route.posted.fields.key
    kept = [not is_left_out(run, row) for row in run.lines]
    keys = [k for k, made in zip(_keys(run.lines, key), kept, strict=True) if made]
    return Restated(
        route=route.name,
        seq=posting.seq,
        goes=goes,
        amount=amount if goes else _NOTHING,
        fields=draft.fields,
        lines=tuple(draft.lines),
        keys=_fitting(keys, draft.lines),
        posted_keys=_fitting(_posted_keys(route, run, posting, key), _lines(posting)),
    )


def _keys(rows: list[dict[str, Any]], key: str) -> list[str]:
    return [line_key(row.get(key), number) for number, row in enumerate(rows, start=1)]


def _fitting(keys: list[str], lines: object) -> tuple[str, ...]:
    """Return the keys, if each line has one; otherwise their positions."""
    count = len(lines) if isinstance(lines, list | tuple) else 0
    fits = len(keys) == count == len(set(keys))
    return tuple(keys) if fits else tuple(str(number) for number in range(1, count + 1))


def _posted_keys(route: RouteProgram, run: Run, posting: PostingFact, key: str) -> list[str]:
    """Return the keys of the record's posted lines; for a part bill, of the billed lines."""
    body = posting.body
    rows = run.lines if body is None else route.posted.fields.reader.read(body).lines
    if not posting.billed:
        rows = [row for row in rows if row.__class__ is not EmptyLine]
    return [k for k in _keys(rows, key) if not posting.billed or k in posting.billed]


def _lines(posting: PostingFact) -> object:
    return (posting.content or {}).get("lines")
