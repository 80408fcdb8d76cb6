"""The interface for programs: the token, the calls, their problems."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from holding.access import operations, people
from holding.access.actors import SYSTEM
from holding.db.database import Database
from holding.db.models import ApiToken, Company, Event, Hold, Person, Record
from tests.portal.seed import SCRIPT
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
ALL = operations.SCOPES
Call = Callable[..., TestResponse]


@pytest.fixture
def key(database: Database, clock: SetClock) -> Callable[..., str]:
    """A token of a person of the company."""

    def made(name: str, *, scopes: tuple[str, ...] = ALL, days: int = 30) -> str:
        with database.write() as session:
            person = session.scalars(select(Person).where(Person.email == f"{name}@kedai.my")).one()
            company = session.scalars(select(Company).where(Company.code == "kedai")).one()
            found = operations.make_token(
                session,
                SYSTEM,
                company_id=company.id,
                person_id=person.id,
                name="till",
                scopes=scopes,
                lasts=timedelta(days=days),
                now=clock.now(),
            )
            assert isinstance(found, operations.NewToken)
            return found.key

    return made


def test_a_message_quotes_nobody_to_who_may_not_see_it(
    call: Call, key: Callable[..., str], database: Database
) -> None:
    with database.write() as session:
        record = select(Record.id).where(Record.number == "SO-10210").scalar_subquery()
        quoted = update(Hold).where(Hold.record_id == record).values(message=f"Ask {SCRIPT}")
        session.execute(quoted.execution_options(synchronize_session=False))
    for name, shown in (("vera", "Ask •••"), ("farah", f"Ask {SCRIPT}")):
        told = call(key(name), "/holds").get_json()["holds"]
        assert shown in {one["message"] for one in told}


@pytest.fixture
def call(app: Flask) -> Call:
    client = app.test_client()

    def send(
        token: str, path: str, body: Any = None, *, co: str = "kedai", **headers: str
    ) -> TestResponse:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        how = {"headers": {**given, **headers}}
        url = f"/api/v1/c/{co}{path}"
        return client.get(url, **how) if body is None else client.post(url, json=body, **how)

    return send


def waiting(call: Call, token: str) -> list[dict[str, Any]]:
    return [hold for hold in call(token, "/holds").get_json()["holds"] if hold["code"] == "APP01"]


def seen(*holds: dict[str, Any], reason: str = "checked") -> dict[str, Any]:
    listed = [{"id": hold["posting"], "hash": hold["hash"]} for hold in holds]
    return {"postings": listed, "reason": reason}


def test_what_waits_is_approved_exactly_as_it_was_looked_at(call: Call, key: Any) -> None:
    lim = key("lim")
    first, *others = waiting(call, lim)
    answer = call(lim, "/holds/approve", seen({**first, "hash": "0" * 64}))
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.get_json()["changes"][0]["why"] == "the content changed"
    answer = call(lim, "/holds/approve", seen(first))
    assert answer.status_code == 200
    assert answer.get_json()["approved"] == [first["posting"]]
    assert len(waiting(call, lim)) == len(others)


def test_a_program_decides_up_to_the_limit_of_the_company(
    call: Call, key: Any, database: Database
) -> None:
    token = key("lim")
    first = waiting(call, token)[0]
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        company.settings = {**company.settings, "step_up": 100_000}
    refused = call(token, "/holds/approve", seen(first))
    assert (refused.status_code, refused.get_json()["code"]) == (403, "step_up.token")
    released = [h for h in call(token, "/holds").get_json()["holds"] if h["code"] != "APP01"]
    codes = {
        call(token, f"/holds/{h['hold']}/release", {"reason": "agreed"}).get_json().get("code")
        for h in released
    }
    assert "step_up.token" not in codes, "all of these are below RM 1,000.00"


def test_a_second_call_with_the_same_key_gets_the_first_answer(call: Call, key: Any) -> None:
    lim, tan = key("lim"), key("tan")
    body = seen(waiting(call, lim)[0])
    again = {"Idempotency-Key": "a-1"}
    first = call(lim, "/holds/approve", body, **again)
    assert call(lim, "/holds/approve", body, **again).get_json() == first.get_json()
    assert call(tan, "/holds/approve", body, **again).status_code == 409


def test_a_key_stands_for_one_call(call: Call, key: Any) -> None:
    tan, again = key("tan"), {"Idempotency-Key": "k-1"}
    held = [h for h in call(tan, "/holds").get_json()["holds"] if h["clears"].startswith("by:")]
    path, other = (f"/holds/{h['hold']}/release" for h in (held[0], waiting(call, tan)[0]))
    first = call(tan, path, {"reason": "agreed"}, **again)
    assert first.status_code == 200
    for told in (
        call(tan, path, {"reason": "for another reason"}, **again),
        call(tan, other, {"reason": "agreed"}, **again),
        call(tan, "/holds/approve", seen(waiting(call, tan)[0]), **again),
    ):
        assert (told.status_code, told.get_json()["code"]) == (409, "operation.reused")
    assert call(tan, path, {"reason": "agreed"}, **again).get_json() == first.get_json()


def test_nobody_takes_the_key_of_a_call_away_before_it_is_made(
    call: Call, key: Any, visit: Any, database: Database
) -> None:
    """Keys of programs can be guessed, such as an order's number: no form is sent under one."""
    lim, op = key("lim"), "token:{}:SO-10220"
    with database.read() as session:
        ids = session.scalars(select(ApiToken.id)).all()
    first, *_ = waiting(call, lim)
    for token_id in ids:
        form = {"text": "a note of somebody", "op": op.format(token_id)}
        answer = visit("farah").post(f"/c/kedai/holding/{first['hold']}/comment", form)
        assert "no page of Clearpost gives" in answer.get_data(as_text=True)
        assert answer.status_code == 409
    answer = call(lim, "/holds/approve", seen(first), **{"Idempotency-Key": "SO-10220"})
    assert (answer.status_code, answer.get_json()["approved"]) == (200, [first["posting"]])


def test_the_token_is_named_in_the_trace(call: Call, key: Any, database: Database) -> None:
    lim = key("lim")
    call(lim, "/holds/approve", seen(waiting(call, lim)[0]))
    with database.read() as session:
        said = session.scalars(
            select(Event).where(Event.act == "posting.approved").order_by(Event.id.desc())
        ).first()
        assert said
        assert said.actor == "Lim (till)"


def test_who_had_a_hand_in_it_gets_403(call: Call, key: Any, database: Database) -> None:
    with database.write() as session:
        chan = session.scalars(select(Person).where(Person.email == "chan@kedai.my")).one()
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        given = {"company_id": company.id, "person_id": chan.id, "now": SetClock().now()}
        people.add_membership(session, role="approver", actor=SYSTEM, **given)
        people.add_to_team(session, company_id=company.id, name="accounts", person_id=chan.id)
    token = key("chan")
    answer = call(token, "/holds/approve", seen(*waiting(call, token)))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "approval.own_hand")
    assert "wrote the rules" in answer.get_json()["refused"][0]["why"]


def test_a_release_and_a_reject(call: Call, key: Any) -> None:
    tan = key("tan")
    held = [h for h in call(tan, "/holds").get_json()["holds"] if h["clears"].startswith("by:")]
    assert held
    no = call(tan, f"/holds/{held[0]['hold']}/release", {"reason": " "})
    assert (no.status_code, no.get_json()["code"]) == (422, "body.field")
    done = call(tan, f"/holds/{held[0]['hold']}/release", {"reason": "agreed"})
    assert (done.status_code, done.get_json()["hold"]) == (200, held[0]["hold"])
    again = call(tan, f"/holds/{held[0]['hold']}/release", {"reason": "agreed"})
    assert (again.status_code, again.get_json()["code"]) == (409, "hold.closed")
    other = waiting(call, tan)[0]["hold"]
    assert call(tan, f"/holds/{other}/release", {"reason": "x"}).status_code == 409
    assert call(tan, f"/holds/{other}/reject", {"reason": "never"}).status_code == 200


def test_many_at_once_each_with_its_answer(call: Call, key: Any) -> None:
    tan = key("tan")
    held = call(tan, "/holds").get_json()["holds"]
    able = next(h for h in held if h["clears"].startswith("by:") and h["code"] != "APP01")
    unable = next(h for h in held if h["clears"] == "itself")
    holds = [{name: h[name] for name in ("id", "lock", "version")} for h in map(named, held)]
    wanted = {"act": "release", "reason": "agreed", "holds": holds}
    answer = call(tan, "/holds/many", wanted, **{"Idempotency-Key": "m-1"})
    assert answer.status_code == 200, answer.get_json()
    told = answer.get_json()
    assert able["hold"] in {one["id"] for one in told["done"]}
    why = {one["id"]: one["code"] for one in told["left"]}
    assert why[unable["hold"]] == "hold.clears_itself"
    again = call(tan, "/holds/many", wanted, **{"Idempotency-Key": "m-1"})
    assert again.get_json() == told
    moved = {**named(unable), "lock": 99}
    other = call(tan, "/holds/many", {"act": "retry", "holds": [moved]}).get_json()
    assert [one["code"] for one in other["left"]] == ["hold.moved"]
    assert call(tan, "/holds/many", {"act": "assign", "holds": holds}).status_code == 422
    no_lock = {"act": "retry", "holds": [{"id": 1, "version": 2}]}
    assert call(tan, "/holds/many", no_lock).status_code == 422


def named(hold: dict[str, Any]) -> dict[str, Any]:
    """The hold as an act over many names it."""
    return {"id": hold["hold"], "lock": hold["lock"], "version": hold["version"]}


def test_a_new_try_waits_for_a_change(call: Call, key: Any) -> None:
    farah = key("farah")
    held = next(h for h in call(farah, "/holds").get_json()["holds"] if h["code"] == "MAP01")
    answer = call(farah, f"/holds/{held['hold']}/retry", {})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "retry.unchanged")


def test_without_a_valid_token_nothing_is_told(
    call: Call, key: Any, database: Database, clock: SetClock
) -> None:
    revoked, disabled, over = key("lim"), key("tan"), key("vera", days=1)
    for token in (revoked, disabled, over):
        assert call(token, "/holds").status_code == 200
    with database.write() as session:
        first, second, _ = session.scalars(select(ApiToken).order_by(ApiToken.id))
        assert operations.revoke(session, SYSTEM, first.company_id, first.id, clock.now()) is None
        session.get_one(Person, second.person_id).active = False
    clock.advance(timedelta(days=1))
    for token in ("", "cp_unknown", revoked, disabled, over):
        answer = call(token, "/holds")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.content_type == "application/problem+json"


def test_a_token_is_of_one_company_and_of_its_scopes(call: Call, key: Any) -> None:
    reads = key("lim", scopes=("record.read",))
    assert call(reads, "/holds", co="lain").status_code == 404
    assert call(reads, "/holds", co="none").get_json()["code"] == "company.unknown"
    hold = waiting(call, reads)[0]
    answer = call(reads, "/holds/approve", seen(hold))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "token.scope")
    vera = key("vera")
    answer = call(vera, "/holds/approve", seen(hold))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")


def test_the_cookie_of_a_browser_counts_for_nothing(visit: Any) -> None:
    lim = visit("lim")
    assert lim.client.get("/api/v1/c/kedai/holds").status_code == 401


def test_a_token_opens_no_page(app: Flask, key: Any) -> None:
    headers = {"Authorization": f"Bearer {key('lim')}"}
    assert app.test_client().get("/c/kedai/", headers=headers).status_code == 303


UNUSABLE = [
    (b"{", 400, "body.bad_json"),
    (b"[]", 400, "body.object"),
    (b'{"reason": "x"}', 422, "body.field"),
    (b'{"postings": [], "reason": "x"}', 422, "body.field"),
    (b'{"postings": [{"id": true, "hash": ""}], "reason": "x"}', 422, "body.field"),
    (b'{"postings": [{"id": 1}], "reason": "x"}', 422, "body.field"),
    (b'{"postings": [{"id": 1, "hash": ""}], "reason": 3}', 422, "body.field"),
    (b'{"postings": [{"id": 1, "hash": "\\u0000"}], "reason": ""}', 400, "body.bad_text"),
    (b'{"reason": "x", "reason": "y"}', 400, "body.duplicate_key"),
]


def test_a_body_that_cannot_be_used_is_told(app: Flask, key: Any) -> None:
    url, client = "/api/v1/c/kedai/holds/approve", app.test_client()
    headers = {"Authorization": f"Bearer {key('lim')}"}
    for body, status, code in UNUSABLE:
        answer = client.post(url, data=body, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (status, code), body
        assert client.post(url, data=body, headers=headers).status_code == 415


def test_guesses_are_limited(call: Call) -> None:
    answers = [call("cp_guess", "/holds").status_code for _ in range(21)]
    assert answers[:20] == [401] * 20
    last = call("cp_guess", "/holds")
    assert (last.status_code, last.content_type) == (429, "application/problem+json")
    assert last.headers["Retry-After"]
