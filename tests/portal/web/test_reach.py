"""A person of some sources: nothing of another source in any answer, on any way in."""

import io
import itertools
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import select, text, update

from holding.access import actors, operations, reach, sessions
from holding.company import directory
from holding.db.database import Database
from holding.db.models import (
    Attempt,
    Base,
    Company,
    Connection,
    Hold,
    Person,
    Posting,
    Push,
    Record,
    Request,
    Run,
    Upload,
)
from holding.db.models.belonging import OF_POSTING, OF_PUSH, OF_RECORD, OF_SOURCE, OTHERS
from holding.db.models.columns import UploadState
from portal.web.permissions import PUBLIC, SIGNED_IN, page_of, permission_of
from portal.web.request_guard import OF_SOME_SOURCES
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_person

pytestmark = pytest.mark.sqlite
OWN = ("SO-10201", "SO-10220", "SO-10231", "SO-10241")
ROLES = ("finance", "approver", "consultant", "publisher", "auditor", "operator")
Told = dict[str, list[Any]]

EVENTS = "SELECT count(*), max(id) FROM event WHERE act <> 'person.access_refused'"


@pytest.fixture
def key(database: Database, clock: SetClock) -> str:
    """Ella has every role but the administrator's, and sees the source blog, which has four of the
    orders; the key of a program of hers.
    """
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        shop = connection_named(session, company, "netshop")
        blog = Connection(
            company_id=company.id, name="blog", side="source", connector=shop.connector, settings={}
        )
        session.add(blog)
        session.flush()
        session.execute(update(Record).where(Record.number.in_(OWN)).values(source_id=blog.id))
        for source, name in ((shop, "foreign.csv"), (blog, "mine.csv")):
            session.add(an_upload(company, source, name, clock))
        ella = make_person(session, company, "ella@kedai.my", *ROLES)
        ella.password_hash = sessions.hash_password(PASSWORD)
        session.flush()
        done = directory.limit(
            session,
            actors.OPERATOR,
            company_id=company.id,
            person_id=ella.id,
            source_ids=[blog.id],
            now=clock.now(),
        )
        assert isinstance(done, directory.Limited)
        made = operations.make_token(
            session,
            actors.OPERATOR,
            company_id=company.id,
            person_id=ella.id,
            name="x",
            scopes=operations.SCOPES,
            lasts=timedelta(days=1),
            now=clock.now(),
        )
    assert isinstance(made, operations.NewToken)
    return made.key


def an_upload(company: Company, source: Connection, name: str, clock: SetClock) -> Upload:
    return Upload(
        company_id=company.id,
        source_id=source.id,
        person_id=None,
        name=name,
        sha256=name,
        body=name.encode(),
        state=UploadState.DONE,
        at=clock.now(),
        confirmed_at=clock.now(),
    )


@pytest.fixture
def beyond(database: Database, key: str) -> Told:
    """What is of another source, by the names of the arguments of routes."""
    assert key
    with database.read() as session:
        foreign = select(Record.id).where(Record.number.not_in(OWN))
        records = session.scalars(select(Record).where(Record.number.not_in(OWN))).all()
        postings = select(Posting.id).where(Posting.record_id.in_(foreign))
        pushes = select(Push.id).where(Push.posting_id.in_(postings))
        calls = select(Attempt.request_id).where(Attempt.push_id.in_(pushes))
        assert session.scalars(calls).all()
        return {
            "record": [(one.type, one.external_id) for one in records],
            "number": sorted({one.number for one in records}),
            "hold_id": list(session.scalars(select(Hold.id).where(Hold.record_id.in_(foreign)))),
            "posting": list(session.scalars(postings)),
            "request_id": list(session.scalars(calls)),
            "run_id": list(session.scalars(select(Run.id))),
            "record_id": list(session.scalars(foreign)),
            "cause": sorted(
                set(session.scalars(select(Hold.cause_id).where(Hold.record_id.in_(foreign))))
            ),
            "upload_id": list(session.scalars(select(Upload.id).where(Upload.name != "mine.csv"))),
        }


def fillings(arguments: set[str], beyond: Told) -> Iterator[dict[str, Any]]:
    """The values of a route's arguments that lead beyond the reach, all of them."""
    rest: dict[str, Any] = {"co": "kedai", "op": "none"}
    if {"source", "kind", "external_id"} <= arguments:
        for kind, external_id in beyond["record"]:
            yield {"co": "kedai", "source": "netshop", "kind": kind, "external_id": external_id}
            yield {"co": "kedai", "source": "blog", "kind": kind, "external_id": external_id}
        return
    each = [[(name, one) for one in beyond[name]] for name in arguments if name in beyond]
    if "ending" in arguments:
        each.append([("ending", one) for one in ("csv", "xlsx", "json")])
    if "way" in arguments:
        each.append([("way", one) for one in ("next", "previous")])
    known = {name: value for name, value in rest.items() if name in arguments}
    for chosen in itertools.product(*each):
        yield {**known, **dict(chosen)}


def words(answer: Any) -> str:
    """What an answer says, a workbook too."""
    raw = answer.get_data()
    if raw[:2] != b"PK":
        return str(raw.decode("utf-8", "replace"))
    book = openpyxl.load_workbook(io.BytesIO(raw))
    return " ".join(str(cell) for sheet in book for row in sheet.values for cell in row)


QUERIES = ("", "?view=all", "?view=approve", "?view=ignored", "?view=uncertain", "?view=cleared")
TABS = ("seven", "trace", "lineage", "way", "ruletree", "versions", "pushes", "raw")


def pages_of(endpoint: str, beyond: Told) -> list[str]:
    """What is asked of a page by its query, to find what is beyond."""
    if endpoint == "holding.listing":
        opened = [f"?view=all&open={one}&cause={one}" for one in beyond["cause"]]
        return [*QUERIES, "?view=accepted", "?view=snoozed", "?view=mine", *opened]
    if endpoint == "holding.consider":
        return [f"?posting={one}" for one in beyond["posting"]] + [
            f"?cause={one}" for one in beyond["cause"]
        ]
    if endpoint in {"find.find", "runs.pushes", "api.records"}:
        name = "number" if endpoint == "api.records" else "q"
        return ["", *(f"?{name}={one}" for one in ("SO", "C-7", *beyond["number"]))]
    if endpoint == "desk.consider":
        return ["?view=all", *(f"?act=release&hold={one}" for one in beyond["hold_id"])]
    return [""]


def own_part(said: str, asked: str) -> str:
    """An answer without the words of the question that it repeats."""
    return said.replace(asked, "") if asked else said


def test_the_search_offers_no_page_that_is_closed(visit: Callable[..., Any], beyond: Told) -> None:
    for name, offered in (("ella", False), ("farah", True)):
        assert ("foundrules" in visit(name).text("/c/kedai/find?q=adds_up")) is offered


@pytest.mark.slow
@pytest.mark.parametrize("way", ["page", "token"])
def test_no_route_answers_with_anything_of_another_source(
    way: str, app: Flask, visit: Callable[..., Any], key: str, beyond: Told
) -> None:
    ella = visit("ella")
    seen = 0
    with app.test_request_context():
        rules = [
            (rule.endpoint, app.url_for(rule.endpoint, **filling) + query, rule.arguments, query)
            for rule in app.url_map.iter_rules()
            if "GET" in (rule.methods or ())
            and (way == "token") == rule.endpoint.startswith("api.")
            and rule.endpoint in OF_SOME_SOURCES
            for filling in fillings(set(rule.arguments), beyond)
            for query in pages_of(rule.endpoint, beyond)
        ]
    head = {"Authorization": f"Bearer {key}"} if way == "token" else {}
    for endpoint, url, arguments, query in rules:
        answer = ella.client.get(url, headers=head)
        asked = query.partition("=")[2] if endpoint in {"find.find", "runs.pushes"} else ""
        said = own_part(words(answer), asked)
        if arguments - {"co", "op", "ending"}:
            assert answer.status_code == 404, url
        if answer.status_code < 400:
            seen += 1
            found = [one for one in beyond["number"] if re.search(rf"\b{one}\b", said)]
            assert found == [], url
            assert "foreign.csv" not in said, url
            assert "netshop" not in said, url
    assert seen > (1 if way == "token" else 50)


@pytest.mark.slow
def test_what_is_theirs_is_there(visit: Callable[..., Any], key: str, app: Flask) -> None:
    ella = visit("ella")
    listed = ella.text("/c/kedai/holding?view=all")
    assert "1 record" in listed or "2 records" in listed
    assert ella.get("/c/kedai/records/blog/order/SO-10241").status_code == 200
    for tab in TABS:
        said = ella.text(f"/c/kedai/records/blog/order/SO-10241?tab={tab}")
        assert "SO-10241" in said
        assert "SO-10240" not in said
    assert "SO-10220" in ella.text("/c/kedai/holding/inbox")
    assert "SO-10221" not in ella.text("/c/kedai/holding/inbox")
    assert "SO-10241" in ella.text("/c/kedai/pushes")
    assert "mine.csv" in ella.text("/c/kedai/uploads")
    assert "SO-10241" in ella.text("/c?q=SO-10241")
    assert "records/netshop" not in ella.text("/c?q=SO-10240")
    head = {"Authorization": f"Bearer {key}"}
    told = app.test_client().get("/api/v1/c/kedai/holds", headers=head).get_json()
    assert {one["number"] for one in told["holds"]} <= set(OWN)
    assert told["holds"]


def test_pages_about_all_sources_are_closed_with_a_sentence(
    app: Flask, visit: Callable[..., Any], key: str
) -> None:
    assert key
    ella, closed = visit("ella"), 0
    with app.test_request_context():
        urls = [
            (rule.endpoint, app.url_for(rule.endpoint, co="kedai"))
            for rule in app.url_map.iter_rules()
            if rule.arguments == {"co"} and "GET" in (rule.methods or ())
        ]
    for endpoint, url in urls:
        outside = permission_of(app, endpoint) in {PUBLIC, SIGNED_IN}
        if outside or page_of(endpoint) in OF_SOME_SOURCES:
            continue
        said = ella.get(url, status=403).get_data(as_text=True)
        assert "because you work with some sources only" in said, url
        closed += 1
    assert closed > 10
    shown = ella.text("/c/kedai/")
    assert "/c/kedai/audit" not in shown
    assert "/c/kedai/holding" in shown


@pytest.mark.slow
def test_nothing_is_done_beyond_the_reach(
    app: Flask, visit: Callable[..., Any], key: str, beyond: Told, database: Database
) -> None:
    ella = visit("ella")
    acts = ("release", "reject", "retry", "correct", "assign", "snooze", "override", "link")
    acts = (*acts, "look", "date", "reopen", "redirect", "message", "comment")
    form = {"reason": "because", "person": "0", "text": "a note", "number": "X-1", "lock": "0"}
    with database.read() as session:
        before = session.execute(text(EVENTS)).one()
        hashes = dict(session.execute(select(Posting.id, Posting.hash)).all())
    head = {"Authorization": f"Bearer {key}"}
    for hold_id, act in itertools.product(beyond["hold_id"], acts):
        answer = ella.post(f"/c/kedai/holding/{hold_id}/{act}", form)
        assert answer.status_code in {403, 404, 422}, (hold_id, act)
        url = f"/api/v1/c/kedai/holds/{hold_id}/{act}"
        body = {"reason": "because", "number": "X-1", "email": "farah@kedai.my", "lock": 0}
        told = app.test_client().post(url, json=body, headers={**head, "Idempotency-Key": act})
        assert told.status_code in {403, 404, 405, 422}, (hold_id, act, told.get_data())
        assert not any(one in told.get_data(as_text=True) for one in beyond["number"])
    given = {"postings": [{"id": one, "hash": hashes[one]} for one in beyond["posting"]]}
    for call in ("approve", "many"):
        body = {
            **given,
            "reason": "because",
            "act": "release",
            "holds": [{"id": one, "lock": 0, "version": 1} for one in beyond["hold_id"]],
        }
        told = app.test_client().post(
            f"/api/v1/c/kedai/holds/{call}", json=body, headers={**head, "Idempotency-Key": call}
        )
        assert not any(one in told.get_data(as_text=True) for one in beyond["number"])
    with database.read() as session:
        assert session.execute(text(EVENTS)).one() == before


def test_every_table_that_hangs_on_a_record_or_a_source_is_narrowed() -> None:
    known = {*OF_SOURCE, *OF_RECORD, *OF_POSTING, *OF_PUSH, *OTHERS}
    keys = {"record_id", "posting_id", "push_id", "source_id", "hold_id"}
    whole = {"source_limit"}  # who sees what: administrators alone read it
    for mapper in Base.registry.mappers:
        table = mapper.local_table
        if keys & set(table.columns.keys()) and table.name not in whole:
            assert mapper.class_ in known, table.name


def test_one_statement_serves_people_of_two_reaches(database: Database, key: str) -> None:
    assert key
    with database.read() as session:
        kedai = select(Company.id).where(Company.code == "kedai").scalar_subquery()
        named = select(Connection.name, Connection.id).where(Connection.company_id == kedai)
        ids = dict(session.execute(named).all())
    query = select(Record.number).order_by(Record.number)
    found = []
    for names in (("blog",), ("netshop",), ("blog", "netshop"), ("blog",)):
        with database.read() as session:
            reach.limit_session(session, reach.of_ids(ids[name] for name in names))
            found.append(tuple(session.scalars(query)))
            assert session.get(Connection, ids["netshop"] if names == ("blog",) else -1) is None
    assert found[0] == found[3] == OWN
    assert not set(found[1]) & set(OWN)
    assert set(found[2]) == set(found[0]) | set(found[1])


def test_a_call_that_carried_others_too_keeps_its_bytes_to_itself(
    visit: Callable[..., Any], key: str, database: Database
) -> None:
    assert key
    with database.read() as session:
        sent = session.scalars(select(Request.id).where(Request.body.is_not(None))).all()
    assert sent
    answers = {visit("ella").client.get(f"/c/kedai/requests/{one}/body") for one in sent}
    for answer in answers:
        assert answer.status_code in {200, 403, 404}
        assert "SO-10240" not in words(answer)


def test_the_person_themself_is_named(database: Database, key: str) -> None:
    assert key
    with database.read() as session:
        ella = session.scalars(select(Person).where(Person.email == "ella@kedai.my")).one()
        company = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        actor = actors.actor_of(session, ella.id, company)
    assert actor is not None
    for act in ("mapping.fix", "people.admin", "audit.read", "run.operate"):
        refused = actors.may(actor, act)
        assert refused is not None
        assert refused.message.startswith("You cannot")
    assert actors.may(actor, "posting.approve") is None
