"""What rules on trial would have found among other records: by their links, as duplicates.

Here: the keys by which they find each other, made of stored versions chunk by chunk, and the facts
of judgings with what was there then. A judging has stored what the rules of its time asked for; of
the rest (rules/comparison/newly_asked.py) it knows nothing, which is another thing than to find
nothing.
Not here: judging with it (backtest_turns.py, shadow_turns.py, tried_rules.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, union_all
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import (
    BacktestRun,
    Change,
    Record,
    RulesetVersion,
    Shadow,
    TrialIndex,
    TrialKey,
)
from holding.db.models import Version as StoredVersion
from holding.db.models.columns import RecordState
from holding.intake.families import GONE_STATES
from holding.programs import world as worlds
from rules.comparison.newly_asked import OF_DOCUMENTS, OF_LINKS, newly_asked
from rules.facts.world import Facts, TargetDocument
from rules.programs.program import Program

CHUNK: Final = 1_000  # versions of one turn
LOOKS_BACK: Final = 200  # ids: more versions than are ever written at once
MOST: Final = 5_000  # other records of one judging, and versions that are looked through for one

Key = tuple[str, str]  # name and value


@dataclass(frozen=True, slots=True)
class Asking:
    """A judging for which rules on trial look for other records than the rules of then: by these
    names.
    """

    evaluation_id: int
    record_id: int
    kind: str
    body: Mapping[str, Any]
    at: datetime
    facts: Facts
    names: frozenset[str]


class _Other(NamedTuple):
    """Another record: `contents` are its versions, the oldest first, each with its moment."""

    kind: str
    number: str
    state: RecordState
    contents: list[tuple[datetime, dict[str, Any]]]

    @property
    def stands(self) -> bool:
        """Whether anything may still come of it."""
        return self.state not in GONE_STATES

    def at(self, moment: datetime) -> dict[str, Any] | None:
        """Its content then; None where it was not there yet."""
        return next((body for at, body in reversed(self.contents) if at <= moment), None)

    def had(self, key: Key, program: Program, moment: datetime) -> bool:
        """Whether it was found by a key then, by that of a former content as well."""
        came = (body for at, body in self.contents if at <= moment)
        return any(key in program.link_keys(body, self.kind) for body in came)


def names_of(
    session: Session, ruleset_version_id: int, program: Program, kind: str
) -> frozenset[str]:
    """What a program asks of a kind that the rules of a version did not; of rules that cannot be
    read any more, all of it.
    """
    before: Program | None
    try:
        before = worlds.program(session, ruleset_version_id)
    except worlds.UnreadableRulesError:
        before = None
    return newly_asked(before, program).get(kind, frozenset())


def is_behind(session: Session, company_id: int, program: Program) -> bool:
    """Whether versions are stored whose keys are not there yet."""
    index = session.get(TrialIndex, (company_id, program.hash))
    return bool(_versions(session, company_id, index.version_id if index else 0, 1))


def go_on(session: Session, company_id: int, program: Program) -> None:
    """Make the keys of the next versions. One that was committed late has a smaller number than
    some that were seen: a few are looked at twice.
    """
    index = session.get(TrialIndex, (company_id, program.hash), with_for_update=True)
    if index is None:
        index = TrialIndex(company_id=company_id, rules=program.hash, version_id=0)
        session.add(index)
    rows = _versions(session, company_id, index.version_id - LOOKS_BACK, CHUNK + LOOKS_BACK)
    keys = {(*key, row.record_id) for row in rows for key in _keys(program, row.body, row.type)}
    of = {"company_id": company_id, "rules": program.hash}
    told = [{**of, "name": n, "value": v, "record_id": r} for n, v, r in sorted(keys)]
    bulk.insert_rows(session, TrialKey, told, ignore=True)
    index.version_id = max([index.version_id, *(row.id for row in rows)])


def forget(session: Session, company_id: int) -> None:
    """Delete the keys of rules that are not on trial any more."""
    of_change = select(Change.hash).join
    tried = union_all(
        of_change(BacktestRun, BacktestRun.change_id == Change.id).where(_running(BacktestRun)),
        of_change(Shadow, Shadow.change_id == Change.id).where(_running(Shadow)),
        select(RulesetVersion.hash)
        .join(BacktestRun, BacktestRun.old_id == RulesetVersion.id)
        .where(_running(BacktestRun)),
    )
    still = sorted(set(session.scalars(tried, {"company": company_id})))
    for table in (TrialKey, TrialIndex):
        session.execute(
            delete(table)
            .where(table.company_id == company_id, table.rules.not_in(still))
            .execution_options(synchronize_session=False)
        )


def _running(row: type[BacktestRun] | type[Shadow]) -> ColumnElement[bool]:
    return and_(row.company_id == bindparam("company"), row.ended_at.is_(None))


def facts_of(
    session: Session, company_id: int, program: Program, asked: Sequence[Asking]
) -> dict[int, Facts]:
    """Evaluation -> its facts with what the program would have found; those that would have found
    more than can be looked at are left out.
    """
    wanted = {one.evaluation_id: _asks(program, one) for one in asked}
    found = _kept(session, company_id, program, {key for keys in wanted.values() for key in keys})
    return _told(session, program, asked, wanted, found)


def facts_of_one(session: Session, company_id: int, program: Program, one: Asking) -> Facts | None:
    """The same of one judging, whose others are looked for among the newest versions of before;
    None where there are more than are looked at.
    """
    query = _of_company(company_id).where(StoredVersion.at <= one.at)
    rows = session.execute(query.order_by(StoredVersion.id.desc()).limit(MOST + 1)).all()
    if len(rows) > MOST:
        return None
    found: dict[Key, set[int]] = defaultdict(set)
    for row in rows:
        for key in _keys(program, row.body, row.type):
            found[key].add(row.record_id)
    wanted = {one.evaluation_id: _asks(program, one)}
    return _told(session, program, [one], wanted, found).get(one.evaluation_id)


def _of_company(company_id: int) -> Any:
    return (
        select(StoredVersion.id, StoredVersion.record_id, StoredVersion.body, Record.type)
        .join(Record, Record.id == StoredVersion.record_id)
        .where(Record.company_id == company_id, StoredVersion.body.is_not(None))
    )


def _versions(session: Session, company_id: int, after: int, most: int) -> Sequence[Any]:
    query = _of_company(company_id).where(StoredVersion.id > after)
    return session.execute(query.order_by(StoredVersion.id).limit(most)).all()


def _keys(program: Program, body: Mapping[str, Any], kind: str) -> Iterable[Key]:
    """Name and value of all by which a content is found."""
    yield from program.link_keys(body, kind)
    for name, value, _ in program.family_keys(body, kind):
        yield name, value


def _asks(program: Program, one: Asking) -> dict[Key, str]:
    """The keys by which it looks for others -> the kind that a link wants, blank for the rest."""
    found = {(n, v): kind for n, v, kind in program.family_keys(one.body, one.kind) if kind}
    found |= dict.fromkeys(program.link_keys(one.body, one.kind), "")
    return {key: kind for key, kind in found.items() if key[0] in one.names}


def _kept(
    session: Session, company_id: int, program: Program, keys: Iterable[Key]
) -> Mapping[Key, set[int]]:
    wanted = set(keys)
    rows = session.execute(
        select(TrialKey.name, TrialKey.value, TrialKey.record_id)
        .where(TrialKey.company_id == company_id, TrialKey.rules == program.hash)
        .where(bulk.among(TrialKey.name, sorted({name for name, _ in wanted})))
        .where(bulk.among(TrialKey.value, sorted({value for _, value in wanted})))
    )
    found: dict[Key, set[int]] = defaultdict(set)
    for row in rows:
        if (row.name, row.value) in wanted:
            found[row.name, row.value].add(row.record_id)
    return found


def _told(
    session: Session,
    program: Program,
    asked: Sequence[Asking],
    wanted: Mapping[int, Mapping[Key, str]],
    found: Mapping[Key, set[int]],
) -> dict[int, Facts]:
    others: dict[int, dict[Key, list[int]]] = {}
    for one in asked:
        mine = wanted[one.evaluation_id]
        found_by = {key: found.get(key, set()) - {one.record_id} for key in mine}
        if sum(map(len, found_by.values())) <= MOST:
            others[one.evaluation_id] = {key: sorted(ids) for key, ids in found_by.items()}
    ids = {i for several in others.values() for some in several.values() for i in some}
    stored = _others(session, ids)
    return {
        one.evaluation_id: _with(program, one, wanted[one.evaluation_id], there, stored)
        for one in asked
        if (there := others.get(one.evaluation_id)) is not None
    }


def _others(session: Session, ids: Iterable[int]) -> dict[int, _Other]:
    query = (
        select(Record.id, Record.type, Record.number, Record.state)
        .add_columns(StoredVersion.at, StoredVersion.body)
        .join(StoredVersion, StoredVersion.record_id == Record.id)
        .where(bulk.among(Record.id, sorted(ids)), StoredVersion.body.is_not(None))
        .order_by(Record.id, StoredVersion.no)
    )
    found: dict[int, _Other] = {}
    for row in session.execute(query):
        other = found.setdefault(row.id, _Other(row.type, row.number, row.state, []))
        other.contents.append((row.at, row.body))
    return found


def _with(
    program: Program,
    one: Asking,
    wanted: Mapping[Key, str],
    others: Mapping[Key, Sequence[int]],
    stored: Mapping[int, _Other],
) -> Facts:
    """The facts of a judging, in which what is newly asked is as it was then: of links each
    record that was there, else each that came before and was not given up.
    """
    links = dict(one.facts.links) | {
        name.rpartition(".")[2]: () for name in one.names if name.startswith(OF_LINKS)
    }
    history = {name: told for name, told in one.facts.history.items() if name not in one.names}
    documents = [d for d in one.facts.documents if f"{OF_DOCUMENTS}{d.route}" not in one.names]
    for key, kind in wanted.items():
        name, value = key
        there = [(i, stored[i]) for i in others[key] if i in stored]
        if kind:
            bodies = (other.at(one.at) for _, other in there if other.kind == kind)
            links[name.rpartition(".")[2]] += tuple(body for body in bodies if body is not None)
            continue
        first = [
            other for i, other in there if i < one.record_id and other.state not in GONE_STATES
        ]
        numbers = tuple(other.number for other in first if other.had(key, program, one.at))
        if name.startswith(OF_DOCUMENTS):
            route = name.removeprefix(OF_DOCUMENTS)
            documents += [TargetDocument(route, value, {}, number) for number in numbers]
        elif numbers:
            history[name] = numbers
    return replace(one.facts, links=links, history=history, documents=tuple(documents))
