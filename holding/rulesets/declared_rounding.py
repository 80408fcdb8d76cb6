"""How a target makes a total: what its connection declares, what it told, what the rules say.

Here: the one check that rules and connections agree, asked before either comes into force. Not
here: what a judging does when a target told of another way (rules/documents/target_rounding.py),
keeping what it told (holding/connections/master_data.py).

The connection declares it. Rules that say otherwise are refused; so is a connection that says
otherwise than the rules in force, unless its target told so: then documents are held already, and
the connection is the first of the two to follow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors import registry
from grammar import nodes as n
from grammar.text.problem import Problem
from holding.connections.master_data import MODE, ROUNDING
from holding.db.models import Cause, Company, Connection, Snapshot, SnapshotItem, Team
from holding.db.refusal import Refusal
from holding.db.together import KEPT
from holding.programs.world import program, target_connections, way_of
from holding.rulesets.admission import RulesRefusal, refused
from rules.documents.rounding import WAYS
from rules.documents.target_rounding import cause_key

SETTING: Final = "rounding_mode"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A target that told of another way than the rules in force say: what both say, in the words of
    the rules, the team that looks after it, and the cause of what is held for it (None: nothing).
    """

    target: str
    there: str
    here: str
    team: str
    cause_id: int | None
    records: int


def refused_rules(
    session: Session, company_id: int, targets: Iterable[n.Target]
) -> RulesRefusal | None:
    """Why rules are not taken that say otherwise of a target than its connection declares."""
    connections = target_connections(session, company_id)
    found = []
    for target in targets:
        connection = connections.get(target.name)
        way = _declared(connection.connector, connection.settings) if connection else None
        if connection is not None and way not in (None, target.rounding):
            found.append(_problem(target, connection, WAYS[str(way)]))
    if not found:
        return None
    told = [f"{problem.span}: {problem.message}" for problem in found]
    return replace(refused(told, len(told), problems=tuple(found)), hint=found[0].hint)


def refusal(
    session: Session, connection: Connection, settings: Mapping[str, Any]
) -> Refusal | None:
    """Why a connection cannot have these settings; it need not be stored yet."""
    if connection.side != "target" or (given := _unusable(connection, settings)):
        return given if connection.side == "target" else None
    way = _declared(connection.connector, settings)
    ours = _in_force(session, connection)
    if ours is None or way in (None, ours.rounding) or way == told(session, connection):
        return None
    here, there = WAYS[ours.rounding], WAYS[str(way)]
    return Refusal(
        code="connection.rounding",
        message=f"The rules in force say that {ours.name} rounds {here}, and {connection.name}"
        f" would round {there}.",
        hint=f"Test {connection.name}: once it tells that it rounds {there}, it can be set so, and"
        f" what is to be sent waits for rules that say rounding {there}.",
        status=409,
    )


def disagreement(session: Session, connection_id: int) -> Disagreement | None:
    """Where a target and the rules in force do not say the same, so that nothing is sent there."""
    connection = session.get_one(Connection, connection_id)
    way = told(session, connection)
    ours = _in_force(session, connection) if way else None
    if ours is None or way == ours.rounding:
        return None
    key = {"company": connection.company_id, "key": cause_key(ours.name)}
    cause = session.execute(_HELD, key).one_or_none()
    team = session.scalar(
        _TEAM, {"company": connection.company_id, "name": ours.tolerance_action.role or ""}
    )
    return Disagreement(
        target=ours.name,
        there=WAYS.get(str(way), str(way)),
        here=WAYS[ours.rounding],
        team=team or "",
        cause_id=cause.id if cause else None,
        records=cause.records if cause else 0,
    )


_HELD = select(Cause.id, Cause.records).where(
    Cause.company_id == bindparam("company"), Cause.key == bindparam("key"), Cause.records > 0
)
_TEAM = select(Team.shown).where(
    Team.company_id == bindparam("company"), Team.name == bindparam("name")
)


def told(session: Session, connection: Connection) -> str | None:
    """The way that a target told of last, as a word of the rules; None where it tells none."""
    if connection.id is None:
        return None
    item = session.scalar(_TOLD, {"connection": connection.id})
    return way_of(item) or None


_TOLD = (
    select(SnapshotItem.body)
    .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
    .where(Snapshot.connection_id == bindparam("connection"), Snapshot.kind == ROUNDING)
    .where(SnapshotItem.code == MODE, SnapshotItem.to_revision.is_(None))
    .execution_options(**KEPT)
)


def _declared(connector: str, settings: Mapping[str, Any]) -> str | None:
    target = registry.targets().get(connector)
    return way_of({MODE: target.rounding(settings)}) if target else None


def _in_force(session: Session, connection: Connection) -> n.Target | None:
    """What the rules in force say of the target that this connection is."""
    version = session.get_one(Company, connection.company_id).ruleset_version_id
    if version is None:
        return None
    known = target_connections(session, connection.company_id)
    mine = {word for word, row in known.items() if row.id == connection.id}
    if connection.id is None:
        mine = {connection.name, connection.connector} - known.keys()
    targets = program(session, version).ruleset.targets
    return next((target for target in targets if target.name in mine), None)


def _unusable(connection: Connection, settings: Mapping[str, Any]) -> Refusal | None:
    """A setting that says nothing to this connector would only look like one."""
    wanted = settings.get(SETTING, "")
    target = registry.targets().get(connection.connector)
    if target is None or wanted == "" or target.rounding(settings) == wanted:
        return None
    words = f"{SETTING} is “{wanted}”, which is no way in which {connection.connector} can round."
    hint = f"It rounds {WAYS[str(_declared(connection.connector, {}))]} without the setting."
    return Refusal("connection.setting", words, hint, 422)


def _problem(target: n.Target, connection: Connection, there: str) -> Problem:
    here = WAYS[target.rounding]
    return Problem(
        code="RND03",
        message=f"These rules say that {target.name} rounds {here}, and the connection"
        f" {connection.name} rounds {there}.",
        hint=f"Write rounding {there} to {target.places}; or, where {connection.name} really rounds"
        f" {here}, set {SETTING} of the connection first.",
        span=target.span,
    )
