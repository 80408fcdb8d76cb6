"""No address that takes an id leads into another company, nor does any id in a form."""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from holding.access import operations
from holding.access.actors import ROLES, SYSTEM
from holding.db.database import Database
from holding.db.models import (
    AccessLink,
    Base,
    Cause,
    Change,
    Company,
    Connection,
    Deputy,
    Escalation,
    Event,
    Hold,
    ImportFile,
    MappingEntry,
    Membership,
    Operation,
    Person,
    Posting,
    Recipient,
    Record,
    Request,
    RouteStop,
    RulesetVersion,
    Run,
    SavedView,
    Team,
    Upload,
)
from portal.web import request_guard
from portal.web.permissions import PUBLIC, SIGNED_IN, permission_of
from tests.portal.web.test_reach import words
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_connection, make_person

pytestmark = pytest.mark.sqlite
MARK: Final = "kedaimark"
"""A word that stands in the first company alone, in every text that was put there for this test."""
IDS: Final[dict[str, type[Any]]] = {
    "hold_id": Hold,
    "view_id": SavedView,
    "deputy_id": Deputy,
    "run_id": Run,
    "record_id": Record,
    "stop_id": RouteStop,
    "upload_id": Upload,
    "file_id": ImportFile,
    "request_id": Request,
    "escalation_id": Escalation,
    "event_id": Event,
    "recipient_id": Recipient,
    "link_id": AccessLink,
    "person_id": Person,
    "posting": Posting,
    "cause": Cause,
    "team": Team,
    "source": Connection,
    "entry": MappingEntry,
}
SAYS: Final = re.compile(rf"SO-10\d\d\d|{MARK}|@kedai\.my|C-7[78]|C-99", re.IGNORECASE)
"""What only the first company knows."""
CHANGES_ALONE: Final = {"session", "operation", "singleton", "program_version", "heartbeat"}
"""Tables of sessions and processes, which no company owns."""
FORM: Final = {
    "reason": "because it is mine now",
    "text": "a note of a stranger",
    "number": "X-1",
    "value": "X-1",
    "to": "X-1",
    "key": "X-1",
    "field": "customer",
    "email": "new@lain.my",
    "name": "somebody",
    "understood": "1",
    "role": "viewer",
    "title": "mine",
    "at": "08:00",
    "day": "1",
    "act": "release",
    "gets": "urgent",
    "kind": "person",
    "until": "2026-11-25",
    "first": "2026-11-20",
    "last": "2026-11-30",
    "records": "1",
    "amount": "1",
    "lock": "0",
    "rev": "9",
    "do": "files",
}
"""Fields that a form may have, each well filled: none is refused before it is asked whose it is."""
AT: Final = "2026-12-01T00:00:00Z"
BODY: Final = {
    "reason": "because", "number": "X-1", "lock": 0, "version": 1, "until": AT, "day": None,
    "path": "customer", "value": "X-1", "version_no": 1, "person": "farah@kedai.my",
}  # fmt: skip


@pytest.fixture
def theirs(database: Database, clock: SetClock) -> dict[str, list[Any]]:
    """The ids of the first company, and a stranger who may do everything in the other one."""
    with database.write() as session:
        kedai = session.scalars(select(Company).where(Company.code == "kedai")).one()
        kedai.name = f"{MARK} Sdn Bhd"
        other = session.scalars(select(Company).where(Company.code == "lain")).one()
        make_person(session, kedai, f"{MARK}@kedai.my", "finance").name = MARK
        make_connection(session, kedai, MARK, side="source", connector="netshop")
        stranger = session.scalars(select(Person).where(Person.email == "stranger@lain.my")).one()
        missing = set(ROLES) - {"admin", "finance", "approver"}
        session.add_all(
            Membership(
                company_id=other.id, person_id=stranger.id, role=role, granted_at=clock.now()
            )
            for role in sorted(missing)
        )
        session.flush()
        plant(session, kedai, clock)
        session.flush()
        return {**{name: ids(session, name, kedai) for name in IDS}, "no": numbers(session, kedai)}


def plant(session: Session, kedai: Company, clock: SetClock) -> None:
    """One row of each thing that the seeded company has none of."""
    now, later = clock.now(), clock.now() + timedelta(days=1)
    farah, lim = (
        session.scalars(select(Person).where(Person.email == f"{name}@kedai.my")).one()
        for name in ("farah", "lim")
    )
    target = connection_named(session, kedai, "aiaccount")
    source = connection_named(session, kedai, "netshop")
    record = session.scalars(select(Record).where(Record.company_id == kedai.id)).first()
    call = session.scalars(select(Request).where(Request.connection_id == target.id)).first()
    assert record
    assert call
    mine: dict[str, Any] = {"company_id": kedai.id}
    session.add_all(
        [
            SavedView(**mine, person_id=farah.id, name=MARK, query={}, shared=True, made_at=now),
            Deputy(
                **mine,
                person_id=lim.id,
                deputy_id=farah.id,
                from_at=now,
                until_at=later,
                reason=MARK,
                named_at=now,
            ),
            RouteStop(**mine, route="aiaccount.sales_invoice", revision=1, state="stopped"),
            Upload(
                **mine,
                source_id=source.id,
                person_id=farah.id,
                name=f"{MARK}.csv",
                sha256=MARK,
                body=MARK.encode(),
                state="done",
                at=now,
                confirmed_at=now,
            ),
            ImportFile(
                **mine,
                connection_id=target.id,
                request_id=call.id,
                doc_type="sales_invoice",
                name=f"{MARK}.xlsx",
                sha256=MARK,
                documents=1,
                rows=1,
                totals={},
                state="exported",
                verdicts={},
                made_at=now,
            ),
            Escalation(
                **mine,
                record_id=record.id,
                person_id=farah.id,
                made_at=now,
                packet={"record_number": MARK},
                sha256=MARK,
            ),
            Recipient(
                **mine,
                kind="mail",
                address=f"{MARK}@kedai.my",
                digest=True,
                urgent=True,
                packets=True,
                made_at=now,
            ),
            AccessLink(
                **mine,
                token_hash=MARK,
                kind="join",
                email=f"{MARK}2@kedai.my",
                name=MARK,
                roles=["viewer"],
                team_ids=[],
                source_ids=[],
                made_at=now,
                expires_at=later,
            ),
        ]
    )


def ids(session: Session, name: str, kedai: Company) -> list[Any]:
    """Those of the first company."""
    model = IDS[name]
    query = select(model.id)
    if model is Person:
        query = query.join(Membership, Membership.person_id == Person.id)
        query = query.where(Membership.company_id == kedai.id)
    elif model is Request:
        query = query.join(Connection).where(Connection.company_id == kedai.id)
    elif model is MappingEntry:
        query = query.where(MappingEntry.to_revision.is_(None))
    else:
        query = query.where(model.company_id == kedai.id)
    found = sorted(set(session.scalars(query)))
    assert found, name
    return found if len(found) <= MANY else [*found[: MANY // 2], *found[-MANY // 2 :]]


MANY: Final = 2


def numbers(session: Session, kedai: Company) -> list[int]:
    """Numbers of changes, rules and keys."""
    changes = select(Change.no).where(Change.company_id == kedai.id)
    versions = select(RulesetVersion.no).where(RulesetVersion.company_id == kedai.id)
    return sorted({*session.scalars(changes), *session.scalars(versions), 2, 3, 4})


def urls(app: Flask, rule: Rule, method: str, theirs: dict[str, list[Any]]) -> Iterator[str]:
    """The address in the other company, with every id of the first."""
    known: dict[str, list[Any]] = {
        "co": ["lain"],
        "source": ["netshop", MARK],
        "name": [MARK, "netshop", "aiaccount"],
        "kind": ["order"],
        "external_id": ["SO-10240", "SO-10210"],
        "table": ["debtor", "item"],
        "path": ["shop.rules"],
        "ending": ["json", "csv", "xlsx"],
        "op": ["theirs"],
    }
    known["way"] = ["next", "previous"]
    wanted = sorted(rule.arguments)
    if "ending" in wanted and "escalation_id" in wanted:
        known["ending"] = ["json", "html", "txt"]
    values = [theirs.get(name) if name not in known else known[name] for name in wanted]
    with app.test_request_context():
        for chosen in itertools.product(*(one or ["none"] for one in values)):
            given = dict(zip(wanted, chosen, strict=True))
            yield app.url_for(rule.endpoint, _method=method, **given)


def without(url: str, theirs: dict[str, list[Any]]) -> str:
    """The address of a thing that nobody has, in the place of theirs."""
    assert max(theirs["event_id"]) < NOBODYS
    return re.sub(r"(?<=/)\d+(?=/|\.|$)", str(NOBODYS), url)


NOBODYS: Final = 999_999


def rules(app: Flask, method: str, *, programs: bool) -> list[Rule]:
    """The routes of a company."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if method in (rule.methods or ())
        and permission_of(app, rule.endpoint) not in {PUBLIC, SIGNED_IN}
        and rule.endpoint.startswith("api.") is programs
    ]


def rows(database: Database) -> dict[str, set[str]]:
    """Every row of the first company as text, and of tables that no company owns."""
    with database.read() as session:
        kedai = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        mine = select(Membership.person_id).where(Membership.company_id == kedai)
        found = {}
        for table in Base.metadata.sorted_tables:
            query = select(table)
            if "company_id" in table.columns:
                query = query.where(table.c.company_id == kedai)
            elif table.name == "company":
                query = query.where(table.c.id == kedai)
            elif table.name == "person":
                query = query.where(table.c.id.in_(mine))
            if table.name not in CHANGES_ALONE:
                found[table.name] = {repr(tuple(row)) for row in session.execute(query)}
        return found


def unchanged(before: dict[str, set[str]], after: dict[str, set[str]]) -> None:
    """Nothing of the first company is another, gone or new; what no company owns may come to be."""
    for name, kept in before.items():
        assert not kept - after[name], name
        if "company_id" in Base.metadata.tables[name].columns:
            assert not after[name] - kept, name


OBJECTS: Final = {"hold_id", "view_id", "deputy_id", "run_id", "stop_id", "upload_id", "file_id"}
OBJECTS_MORE: Final = OBJECTS | {
    *("request_id", "escalation_id", "event_id", "recipient_id", "person_id", "link_id"),
    "external_id",
}
"""Parts of an address that name one thing: in another company there is no such thing."""


@pytest.mark.slow
def test_nothing_of_another_company_is_shown(
    app: Flask, visit: Callable[..., Any], theirs: dict[str, list[Any]]
) -> None:
    stranger, asked = visit("stranger", "lain"), 0
    for rule in rules(app, "GET", programs=False):
        for url in urls(app, rule, "GET", theirs):
            answer = stranger.client.get(url)
            assert answer.status_code < 500, url
            if OBJECTS_MORE & rule.arguments:
                assert answer.status_code == 404, url
            said = words(answer)
            found = [one for one in SAYS.findall(said) if one not in url]
            assert not found, (url, found)
            asked += 1
        if not OBJECTS_MORE & rule.arguments and ":" not in rule.endpoint:
            url = next(urls(app, rule, "GET", theirs))
            given = {name: theirs[of][-1] for of, names in QUERY.items() for name in names}
            for query in ({name: key} for name, key in given.items()):
                said = words(stranger.client.get(url, query_string=query))
                assert not SAYS.search(said), (url, query)
    assert asked > 150


QUERY: Final = {
    "posting": ("posting",),
    "cause": ("cause", "open"),
    "person_id": ("person", "who"),
    "hold_id": ("hold", "after"),
    "event_id": ("before",),
}


def fields_of(theirs: dict[str, list[Any]], no: int) -> dict[str, Any]:
    """A form with an id of the first company wherever one could be."""
    pick = {name: found[no % len(found)] for name, found in theirs.items()}
    hold = pick["hold_id"]
    return FORM | {
        "posting": pick["posting"],
        "person": pick["person_id"],
        "deputy": pick["person_id"],
        "cause": pick["cause"],
        "team": pick["team"],
        "hold": hold,
        "recipient": pick["recipient_id"],
        "seen": f"{hold}:0:{no}",
        "entry": pick["entry"],
        "run": pick["run_id"],
        "undo": "theirs",
        "on": "1",
        "source": pick["source"],
    }


@pytest.mark.slow
def test_nothing_in_another_company_is_changed(
    app: Flask,
    visit: Callable[..., Any],
    theirs: dict[str, list[Any]],
    database: Database,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_guard.limiter, "enabled", False)
    with database.write() as session:
        kedai = session.scalars(select(Company).where(Company.code == "kedai")).one()
        farah = session.scalars(select(Person).where(Person.email == "farah@kedai.my")).one()
        form = {"asked": "x", "at": clock.now(), "answer": {"done": [], "left": []}}
        until = {"undo_until": clock.now() + timedelta(hours=1), "say": MARK, "stood": None}
        session.add(
            Operation(id="theirs", person_id=farah.id, company_id=kedai.id, **form, **until)
        )
    stranger, before, asked = visit("stranger", "lain"), rows(database), 0
    stranger.token()
    for rule in rules(app, "POST", programs=False):
        for no, url in enumerate(urls(app, rule, "POST", theirs)):
            answer = stranger.post(url, fields_of(theirs, no))
            assert answer.status_code < 500, url
            if OBJECTS_MORE & rule.arguments:
                missing = stranger.post(without(url, theirs), fields_of(theirs, no))
                assert answer.status_code in (404, missing.status_code), url
                assert answer.status_code >= 400, url
            assert not SAYS.search(words(answer)), url
            asked += 1
    assert asked > 150
    unchanged(before, rows(database))


def test_a_program_reaches_nothing_of_another_company(
    app: Flask,
    theirs: dict[str, list[Any]],
    database: Database,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.write() as session:
        other = session.scalars(select(Company).where(Company.code == "lain")).one()
        stranger = session.scalars(select(Person).where(Person.email == "stranger@lain.my")).one()
        made = operations.make_token(
            session,
            SYSTEM,
            company_id=other.id,
            person_id=stranger.id,
            name="till",
            scopes=operations.SCOPES,
            lasts=timedelta(days=1),
            now=clock.now(),
        )
        hashes = dict(session.execute(select(Posting.id, Posting.hash)).all())
    assert isinstance(made, operations.NewToken)
    monkeypatch.setattr(request_guard.limiter, "enabled", False)
    client, head = app.test_client(), {"Authorization": f"Bearer {made.key}"}
    before = rows(database)
    listed = [{"id": one, "lock": 0, "version": 1} for one in theirs["hold_id"]]
    body = {
        **BODY,
        "postings": [{"id": one, "hash": hashes[one]} for one in theirs["posting"]],
        "act": "release",
        "holds": listed,
    }
    for method, asked in (("GET", None), ("POST", body)):
        for rule in rules(app, method, programs=True):
            for no, url in enumerate(urls(app, rule, method, theirs)):
                key = {"Idempotency-Key": f"{rule.endpoint}-{no}"}
                answer = client.open(url, method=method, json=asked, headers={**head, **key})
                assert answer.status_code < 500, url
                if OBJECTS_MORE & rule.arguments:
                    nobodys = without(url, theirs)
                    missing = client.open(nobodys, method=method, json=asked, headers=head)
                    assert answer.status_code in (404, missing.status_code), url
                    assert answer.status_code >= 400, url
                assert not SAYS.search(words(answer)), url
                there = client.open(
                    url.replace("/lain/", "/kedai/"), method=method, json=asked, headers=head
                )
                assert there.status_code == 404, url
    unchanged(before, rows(database))
