"""From an outcome to what should stand in the tables: postings, holds, approvals, the record.

Here: pure comparison of what the rules say with what was there. Not here: the postings of one route
(plan_postings.py), queries and writes (gather.py, finish.py).
"""

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from holding.evaluation import plan_parts
from holding.evaluation.batch import Batch, Case, Judgment, Listed
from holding.evaluation.plan_parts import Plan, Planned, Stored, Wanted
from holding.evaluation.plan_postings import decide, take_turns
from holding.evaluation.plan_unsent import staying
from holding.lifecycle.states import counted, require_move, state_of
from holding.lifecycle.stored_postings import PostingRow
from holding.programs.former_rules import LeftBehind
from holding.programs.posted_differences import ACCEPTED
from holding.store import bulk
from holding.tables import Record
from holding.tables.columns import to_minor
from holding.tables.decisions import WHOLE_RECORD
from holding.tables.postings import IN_FLIGHT_STATES, NONE_TO_COME, UNSENT_STATES
from holding.tables.row_states import RecordState
from rules.amendments.changes import RULE as CHANGE
from rules.facts.world import Facts
from rules.outcomes.digest import bare
from rules.outcomes.outcome import Decision, Outcome
from rules.values.canonical import dumps, sha256_hex, text_of
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing
from rules.values.names import term
from rules.values.posting_states import PostingState

HOLDING = frozenset({"hold", "approve"})
NO_ROUTE = "No posting rule applies to it any more."
NOTHING_TO_WAIT_FOR = "EVA06"


def plan(batch: Batch, judged: Judgment) -> Plan:
    """What one judging changes."""
    if judged.outcome is None:
        return _broken(batch, judged)
    made = Plan(
        judged=judged,
        stored=_stored(batch, judged),
        listed=_listed(batch, judged.case, judged.outcome),
    )
    left = {(row.route, row.seq): row for row in judged.case.postings}
    for decision in judged.outcome.decisions:
        decide(batch, made, decision, left)
    if judged.case.postings:
        take_turns(batch, made)
    _all_that_wait_for_nothing(batch, made, judged.outcome)
    if left:
        for row in left.values():
            _without_route(batch, made, row)
        plan_parts.give_up(
            made, [row for row in left.values() if row.state not in UNSENT_STATES], set()
        )
    for document in batch.left.get(judged.case.record_id, ()):
        _left_behind(batch, made, document)
    for one in made.postings:
        if one.before:
            require_move(one.before, one.state)
    if judged.case.holds:
        plan_parts.compare(batch, made)
    made.state = _state(batch, made)
    return made


def _left_behind(batch: Batch, made: Plan, left: LeftBehind) -> None:
    """A person looks at what is posted by rules that are in force no more: they would not have left
    it as it is.
    """
    team = batch.team(left.owner)
    owner = next((name for name, one in batch.teams.items() if one == team), left.owner)
    wanted = Wanted(
        route=left.route,
        seq=left.seq,
        code=ACCEPTED,
        error_class="stale_version",
        severity="hold",
        rule=CHANGE,
        at_rule="",
        message=f"{left.reason} The posting rule that made it is no longer in force: the posted"
        " document stays until a person decides.",
        would_pass=f"the record says again what {left.number} says",
        clears=Clearing.by(owner),
        cause_key=CauseKey(CauseKind.STALE, left.route),
        cause_label=f"Changed after posting to {term(left.route)}",
        team_id=team,
        number=left.number,
        doc_type=left.doc_type,
        doc_date=left.doc_date,
        connection_id=left.connection_id,
    )
    made.wanted[wanted.key] = wanted


def _all_that_wait_for_nothing(batch: Batch, made: Plan, outcome: Outcome) -> None:
    for decision in outcome.decisions:
        if decision.state == PostingState.WAITING:
            _waits_for_nothing(batch, made, decision)


def _waits_for_nothing(batch: Batch, made: Plan, decision: Decision) -> None:
    """Held, not left waiting, where the document that it comes after will not be posted: a person
    rejected it, it is left out, or it was taken back.
    """
    awaited = decision.wait.route if decision.wait is not None else None
    before = _ended(made, awaited) if awaited else None
    at = next((i for i, one in enumerate(made.postings) if _is_waiting(one, decision.route)), None)
    if awaited is None or before is None or at is None:
        return
    number, reason = before[0], before[1].rstrip(".")
    planned, way = made.postings[at], batch.routes[decision.route]
    wanted = Wanted(
        route=way.name,
        seq=planned.seq,
        code=NOTHING_TO_WAIT_FOR,
        error_class="business_rule",
        severity="hold",
        rule="after",
        at_rule="",
        message=f"It comes after {number}, which is not posted: {reason}.",
        would_pass=f"{number} is posted after all, or a person rejects this one",
        clears=ITSELF,
        cause_key=CauseKey(CauseKind.RULE, f"after {awaited}"),
        cause_label=f"Waits for a document that is not posted: {term(awaited)}",
        team_id=batch.fallback_team_id,
        number=planned.number,
        doc_type=way.document,
        doc_date=planned.doc_date,
        connection_id=batch.targets[way.target].id,
    )
    made.postings[at] = replace(planned, state=PostingState.HELD, reason=wanted.message)
    made.wanted[wanted.key] = wanted


def _is_waiting(planned: Planned, route: str) -> bool:
    return planned.route == route and planned.state == PostingState.WAITING


def _ended(made: Plan, route: str) -> tuple[str, str] | None:
    """Number and reason of the document of a route in the family that will not come."""
    own = [one for one in made.postings if one.route == route]
    if own:
        last = own[-1]
        gone = all(one.state in NONE_TO_COME for one in own)
        return (last.number, last.reason) if gone else None
    row = made.case.ended.get(route)
    return (row.number, row.reason) if row is not None else None


def in_flight(case: Case) -> bool:
    """Whether something of the record is on its way: it is not planned again until the answer."""
    return any(row.state in IN_FLIGHT_STATES for row in case.postings)


def _without_route(batch: Batch, made: Plan, row: PostingRow) -> None:
    """An unsent posting that no decision names any more is dropped, if nobody has to decide first
    what stands under its number.
    """
    unsent = row.state in UNSENT_STATES and row.state != PostingState.DROPPED
    if unsent and not staying(batch, made, row, same=False):
        made.silenced.append(row)


def _state(batch: Batch, made: Plan) -> RecordState:
    states = {counted(planned.state, planned.reverses_id) for planned in made.postings}
    if made.silenced:
        states.add(PostingState.DROPPED)
    if made.case.postings:
        planned = {one.id for one in made.postings} | {row.id for row in made.silenced}
        left = [row for row in made.case.postings if row.id not in planned]
        states |= {counted(row.state, row.reverses_id) for row in left}
    held = bool(made.wanted or made.kept)
    if states or held:
        return state_of(states, held=held)
    kind = made.case.subject.kind
    posted = any(route.record == kind for route in batch.judge.routes)
    return RecordState.WAITING if posted else RecordState.REFERENCE


def _listed(batch: Batch, case: Case, outcome: Outcome) -> Listed:
    amount = outcome.amount
    minor = to_minor(amount, outcome.currency) if amount is not None else None
    body = case.subject.body
    name = body.get("customer_name") or body.get("supplier_name")
    return Listed(
        status=outcome.status or outcome.status_word,
        party=name if isinstance(name, str) and name else outcome.party,
        party_key=outcome.party[: Record.LONGEST_PARTY],
        doc_date=outcome.doc_date,
        amount=minor,
        currency=outcome.currency,
        book=minor if outcome.currency == batch.currency else None,
    )


def _broken(batch: Batch, judged: Judgment) -> Plan:
    """No outcome: everything stays as it is, what was ready is held, what was due to be changed is
    not, and a hold says why.
    """
    made = Plan(judged=judged, stored=_stored(batch, judged), kept=list(judged.case.holds))
    wanted = Wanted(
        route=WHOLE_RECORD,
        seq=0,
        code=judged.code,
        error_class="business_rule",
        severity="hold",
        rule="judging",
        at_rule="",
        message=judged.error,
        would_pass="Other rules, or another version of the record.",  # noqa: S106 - no password
        clears=ITSELF,
        cause_key=CauseKey(CauseKind.RULE, judged.code),
        cause_label="The rules could not check it",
        team_id=batch.fallback_team_id,
        number="",
        doc_type="",
        doc_date=None,
        connection_id=None,
    )
    made.wanted[wanted.key] = wanted
    made.silenced = [
        row
        for row in judged.case.postings
        if row.state == PostingState.READY
        or (row.state == PostingState.POSTED and row.due_at is not None)
    ]
    made.state = state_of(
        [
            counted(r.state, r.reverses_id)
            for r in judged.case.postings
            if r.state != PostingState.READY
        ],
        held=True,
    )
    return made


def _stored(batch: Batch, judged: Judgment) -> Stored:
    """What is kept of a judging: enough to do it again."""
    facts, outcome = _looked_at(batch, judged.case), judged.outcome
    if outcome is not None:
        codes, hashed = outcome.bare_codes(), bare(outcome, facts)
    else:
        codes = dumps({"error": judged.code, "say": judged.error})
        hashed = sha256_hex(codes)
    return Stored(facts=facts, codes=bulk.Encoded(codes), hash=hashed)


def _looked_at(batch: Batch, case: Case) -> bulk.Encoded:
    """What was known of the record and its targets, and who was there already, as the next judging
    asks.
    """
    if not (case.passed or case.stopped) and case.facts.usual:
        return _seen(case.facts.first_seen, batch.known_targets)
    found = {"facts": case.facts.to_json(), "known": sorted(batch.known_targets)}
    found |= {name: sorted(others) for name in _OTHERS if (others := getattr(case, name))}
    return bulk.Encoded(text_of(found))


_OTHERS = ("passed", "stopped")


@lru_cache(maxsize=256)  # a delivery brings many records at one moment
def _seen(first_seen: datetime, known: frozenset[str]) -> bulk.Encoded:
    """The same of a record of which nothing is told but when it came."""
    found = {"facts": Facts(first_seen).to_json(), "known": sorted(known)}
    return bulk.Encoded(text_of(found))
