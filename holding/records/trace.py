"""Build a record's timeline from events, versions, evaluations, pushes and attempts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract.errors import class_label
from grammar.nodes import Ruleset
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Attempt,
    Company,
    Delivery,
    Evaluation,
    Event,
    Person,
    Posting,
    Push,
    Record,
    Request,
    RulesetVersion,
    Version,
)
from holding.db.models.columns import RecordState
from holding.platform.event_log import events_while_waiting, surrounding_events
from holding.platform.events import shown_actor
from holding.platform.states import ATTEMPT_LABELS, state_label
from holding.programs.world import program
from holding.records.lineage import VerdictRow, verdict_rows
from holding.records.seven_answers import Answer, DocumentAnswers, answer_all, answer_document
from holding.records.story import Case, Proof, evaluation_id_of, load_case, unknown_because
from holding.records.waits import Wait, waits_of
from rules.values.canonical import in_sentence
from rules.values.wording import readable_term

GAP_SECONDS: Final = 600
_ORDER: Final = ("version", "evaluation", "event", "wait", "push", "attempt")
_NOT_POSTED: Final = "no rule posts records of this kind"
_ARRIVALS: Final = frozenset(
    {"record.received", "record.changed", "record.stale", "record.conflict"}
)
"""Events that repeat a version's own information: that it arrived."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace; `gap` is the seconds since the line before, if long.

    `also` is a second proof: if `proof` is a version, the event that records its arrival.
    """

    at: datetime
    kind: str
    actor: str
    say: str
    proof: Proof
    gap: int | None = None
    also: Proof | None = None

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Every row that proves the line, the first one first."""
        return (self.proof, self.also) if self.also else (self.proof,)

    @property
    def proved_by(self) -> str:
        """The labels of the proofs, as shown in files."""
        return ", ".join(one.label for one in self.proofs)


def timeline(session: Session, record_id: int, now: datetime | None = None) -> tuple[Step, ...]:
    """Return everything stored about a record, oldest first.

    Included are changes of its connections and of the rules while it waited, and its finished waits
    for a connection. With `now`, waits that still last are included too.
    """
    state = session.scalars(select(Record.state).where(Record.id == record_id)).one_or_none()
    if state is None:
        return ()
    events = _load_events(session, record_id)
    surrounding = surrounding_events(session, record_id)
    steps = [*_merge_arrivals(_load_versions(session, record_id), _steps_with_arrival(events))]
    steps += [_step(event) for event in events_while_waiting(surrounding, events, state)]
    for load_steps in (_load_evaluations, _load_pushes, _load_attempts):
        steps += load_steps(session, record_id)
    company_id = select(Record.company_id).where(Record.id == record_id).scalar_subquery()
    company = session.scalars(select(Company).where(Company.id == company_id)).one()
    steps += [_wait(one, company) for one in waits_of(session, [record_id], now)]
    steps.sort(key=lambda step: (step.at, _ORDER.index(step.kind), int(step.proof.id)))
    return tuple(_with_gaps(steps))


def _merge_arrivals(
    versions: Mapping[int, Step], events: list[tuple[int | None, Step]]
) -> Iterator[Step]:
    """Yield all versions and events as steps. A version and the event of its arrival are one step.

    `versions` maps a version's number to its step. `events` pairs each event's step with the number
    of the version whose arrival it records, or None. A merged step has the event's text, the
    version's proof, and the event's proof in `also`.
    """
    arrivals = {no: step for no, step in events if no in versions}
    for no, version in versions.items():
        event = arrivals.get(no)
        if event is None:
            yield version
        else:
            yield replace(version, say=event.say, also=event.proof)
    yield from (step for no, step in events if no not in versions)


def _with_gaps(steps: list[Step]) -> list[Step]:
    with_gaps: list[Step] = []
    for step in steps:
        seconds = int((step.at - with_gaps[-1].at).total_seconds()) if with_gaps else 0
        gap = seconds if seconds >= GAP_SECONDS else None
        with_gaps.append(replace(step, gap=gap))
    return with_gaps


def _load_versions(session: Session, record_id: int) -> dict[int, Step]:
    rows = session.execute(
        select(Version, Delivery.kind, Person.name)
        .outerjoin(Delivery, Delivery.id == Version.delivery_id)
        .outerjoin(Person, Person.id == Version.person_id)
        .where(Version.record_id == record_id),
        execution_options=KEPT,
    )
    steps = {}
    for version, how, person in rows:
        stale = " It is older than what was known, so it is kept and not checked."
        by = f" as {how}" if how else ""
        reason = f": {version.reason}" if version.reason else ""
        came = "is a correction" if version.corrects_id else "arrived"
        say = f"Version {version.no} {came}{by}{reason}.{stale if version.stale else ''}"
        way = f", {how}" if how else ""
        proof = Proof("version", str(version.no), f"version {version.no}{way}")
        steps[version.no] = Step(version.at, "version", person or "source", say, proof)
    return steps


def _load_evaluations(session: Session, record_id: int) -> list[Step]:
    rows = session.execute(
        select(Evaluation, Version.no, RulesetVersion.no, Record.state)
        .join(Record, Record.id == Evaluation.record_id)
        .join(Version, Version.id == Evaluation.version_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.record_id == record_id),
        execution_options=KEPT,
    )
    steps = []
    for evaluation, version, rules, state in rows:
        said = _decided(evaluation.outcome, state)
        words = f"Version {version} checked with rule version {rules}: {said}."
        proof = Proof("evaluation", str(evaluation.id), f"Check {evaluation.id}")
        steps.append(Step(evaluation.at, "evaluation", "rules", words, proof))
    return steps


def _decided(outcome: Any, state: RecordState) -> str:
    """Return the stored decisions in words: each route with its state and rules."""
    if isinstance(outcome, Mapping) and "error" in outcome:
        return f"not known, because {unknown_because(outcome)}"
    decisions = outcome.get("decisions", []) if isinstance(outcome, Mapping) else []
    route_texts = []
    for decision in decisions:
        rules = [
            readable_term(finding[1]) if finding[1] else finding[0]
            for finding in decision.get("findings", [])
        ]
        title, label = readable_term(decision["route"]), state_label(decision["state"])
        told = "; ".join(dict.fromkeys(rules))
        route_texts.append(
            f"the result for {title} is {label} ({told})"
            if rules
            else f"the result for {title} is {label}"
        )
    nothing = _NOT_POSTED if state == RecordState.REFERENCE else "no posting rule applies"
    return "; ".join(route_texts) or nothing


def _load_events(session: Session, record_id: int) -> list[Event]:
    rows = session.scalars(
        select(Event).where(Event.record_id == record_id).order_by(Event.id), execution_options=KEPT
    )
    return list(rows)


def _steps_with_arrival(events: Sequence[Event]) -> list[tuple[int | None, Step]]:
    """Return (version number, step) for each event.

    The number is None unless the event records the arrival of that version.
    """
    return [
        (event.body.get("version") if event.act in _ARRIVALS else None, _step(event))
        for event in events
    ]


def _step(event: Event) -> Step:
    who, say = shown_actor(event.actor, event.body), str(event.body.get("say") or event.act)
    return Step(
        event.at, "event", who, say, Proof("event", str(event.id), f"{event.act} {event.id}")
    )


def _wait(wait: Wait, company: Company) -> Step:
    """Return a wait as a step at its end, or at its beginning while it lasts."""
    first, *others = (Proof("event", str(key), f"event {key}") for key in wait.events)
    at, say = wait.until or wait.since, wait.sentence(company)
    return Step(at, "wait", "Clearpost", say, first, also=others[0] if others else None)


def _load_pushes(session: Session, record_id: int) -> list[Step]:
    rows = session.scalars(
        select(Push)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.record_id == record_id),
        execution_options=KEPT,
    )
    return [
        Step(
            push.made_at,
            "push",
            "Clearpost",
            f"Push {push.no}: {push.action} {push.number} (content hash {push.hash[:12]}).",
            Proof("push", str(push.id), f"push {push.id}"),
        )
        for push in rows
    ]


def _load_attempts(session: Session, record_id: int) -> list[Step]:
    rows = session.execute(
        select(Attempt, Request, Push.number)
        .join(Request, Request.id == Attempt.request_id)
        .join(Push, Push.id == Attempt.push_id)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.record_id == record_id),
        execution_options=KEPT,
    )
    return [
        Step(
            attempt.at,
            "attempt",
            "Clearpost",
            _attempt_words(attempt, request, number),
            Proof("attempt", str(attempt.id), f"attempt {attempt.no}"),
        )
        for attempt, request, number in rows
    ]


def _attempt_words(attempt: Attempt, request: Request, number: str) -> str:
    verb = "Sent" if request.kind == "push" else "Looked up"
    answered = f", HTTP {request.status}" if request.status else ""
    why = f", {class_label(attempt.error_class)}" if attempt.error_class else ""
    words = f": {attempt.error.rstrip('.')}" if attempt.error else ""
    state = in_sentence(ATTEMPT_LABELS[attempt.state])
    key = f", key …{request.key_tail}" if request.key_tail else ""
    return f"{verb} {number}, attempt {attempt.no}{key}: {state}{answered}{why}{words}."


def answer_questions(
    session: Session, record_id: int, posting_id: int | None = None
) -> tuple[Answer, ...]:
    """Return the seven answers about a record or one of its postings; empty without such a
    record.
    """
    case = load_case(session, record_id, posting_id)
    if case is None:
        return ()
    return answer_all(case, ruleset_of(session, case))


def answer_documents(session: Session, record_id: int) -> tuple[DocumentAnswers, ...]:
    """Return the answers of each document of a record, in the order they were made.

    A record without documents answers once. Empty without such a record.
    """
    query = select(Posting.id).where(Posting.record_id == record_id).order_by(Posting.id)
    ids: list[int | None] = [*session.scalars(query)]
    cases = (load_case(session, record_id, key) for key in ids or [None])
    return tuple(answer_document(case, ruleset_of(session, case)) for case in cases if case)


def ruleset_of(session: Session, case: Case) -> Ruleset | None:
    """Return the rules that decided a case."""
    return program(session, case.rules.id).ruleset if case.rules else None


def deciding_evaluation(
    session: Session, record_id: int, posting_id: int | None = None
) -> int | None:
    """Return the id of the evaluation behind a posting's push, otherwise of the record's newest
    one.
    """
    evaluation = _deciding(session, record_id, posting_id)
    return evaluation.id if evaluation else None


def deciding_verdicts(
    session: Session, record_id: int, posting_id: int | None
) -> tuple[int | None, tuple[VerdictRow, ...]]:
    """Return that evaluation's id and its verdicts."""
    evaluation = _deciding(session, record_id, posting_id)
    return (evaluation.id, verdict_rows(session, evaluation.id)) if evaluation else (None, ())


def _deciding(session: Session, record_id: int, posting_id: int | None) -> Evaluation | None:
    push = select(func.coalesce(Posting.posted_push_id, Posting.push_id)).where(
        Posting.id == posting_id, Posting.record_id == record_id
    )
    wanted = evaluation_id_of(record_id, push.scalar_subquery())
    return session.scalars(select(Evaluation).where(Evaluation.id == wanted)).one_or_none()
