"""Whatever a program does wrong, the answer is a problem (RFC 9457) that the document names."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from holding.access import operations
from holding.access.actors import SYSTEM
from holding.db.database import Database
from holding.db.models import Company, Hold, Person
from portal.api.calls import BODIES
from tests.portal.api.test_api import key  # noqa: F401 - fixture
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
BASE = "/api/v1/c/kedai"
JSON = "application/json"
NOBODYS = 987_654_321
MEMBERS = {"type", "title", "status", "code", "what", "todo", "request_id"}


def told(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem, which has every member that is promised and says its status itself."""
    assert answer.status_code == status, answer.text[:300]
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = answer.get_json()
    assert found.keys() >= MEMBERS
    assert (found["status"], found["code"]) == (status, code)
    assert found["title"].endswith(".")
    return found


RELEASE = f"{BASE}/holds/1/release"
LARGE = b"x" * 1_100_000
WRONG: list[tuple[int, str, str, str, dict[str, Any]]] = [
    (401, "token.invalid", "GET", f"{BASE}/holds", {"headers": {}}),
    (401, "token.invalid", "GET", f"{BASE}/holds", {"headers": {"Authorization": "Basic x"}}),
    (404, "http.404", "GET", f"{BASE}/nothing", {}),
    (404, "http.404", "GET", "/api/v2/c/kedai/holds", {}),
    (404, "http.404", "POST", f"{BASE}/holds/{10**20}/retry", {}),
    (404, "company.unknown", "GET", "/api/v1/c/lain/holds", {}),
    (404, "company.unknown", "GET", "/api/v1/c/none/holds", {}),
    (405, "http.405", "POST", f"{BASE}/holds", {"json": {}}),
    (405, "http.405", "DELETE", f"{BASE}/records", {}),
    (405, "http.405", "GET", f"{BASE}/holds/1/retry", {}),
    (400, "body.bad_json", "POST", RELEASE, {"data": "{", "content_type": JSON}),
    (400, "body.object", "POST", RELEASE, {"json": [1]}),
    (400, "http.400", "GET", f"{BASE}/records?number=%00", {}),
    (415, "body.type", "POST", RELEASE, {"data": "reason=x"}),
    (413, "http.413", "POST", RELEASE, {"data": LARGE, "content_type": JSON}),
    (422, "call.number", "GET", f"{BASE}/records", {}),
    (422, "body.field", "POST", RELEASE, {"json": {"reason": 3}}),
]
"""Status and code of what a program does wrong: method, address, and what it sends."""


@pytest.mark.parametrize(("status", "code", "method", "path", "sent"), WRONG)
def test_every_refusal_is_a_problem(
    app: Flask,
    key: Callable[..., str],  # noqa: F811
    status: int,
    code: str,
    method: str,
    path: str,
    sent: dict[str, Any],
) -> None:
    given = {"headers": {"Authorization": f"Bearer {key('tan')}"}, **sent}
    answer = app.test_client().open(path, method=method, **given)
    told(answer, status, code)
    if status == 405:
        assert set(answer.headers["Allow"].split(", ")) <= {"GET", "HEAD", "OPTIONS", "POST"}
        assert answer.headers["Allow"]


def test_the_document_names_every_status_with_which_a_call_is_refused(
    app: Flask,
    key: Callable[..., str],  # noqa: F811
) -> None:
    headers = {"Authorization": f"Bearer {key('vera')}"}
    paths = app.test_client().get(f"{BASE}/openapi.json", headers=headers).get_json()["paths"]
    of_calls = {str(status) for status, *_ in WRONG} - {"405"}  # of an address, not of a call
    for path, made in paths.items():
        for method, operation in made.items():
            assert operation["responses"].keys() >= of_calls | {"403", "409", "429", "503"}, (
                method,
                path,
            )


def test_a_hold_of_another_company_is_not_there_for_a_token_that_may_everything(
    app: Flask,
    key: Callable[..., str],  # noqa: F811
    database: Database,
    clock: SetClock,
) -> None:
    """By each call that names one: nothing is told of it, and nothing of it changes."""
    with database.write() as session:
        person = session.scalars(select(Person).where(Person.email == "stranger@lain.my")).first()
        other = session.scalars(select(Company).where(Company.code == "lain")).one()
        assert person is not None
        made = operations.make_token(
            session,
            SYSTEM,
            company_id=other.id,
            person_id=person.id,
            name="thief",
            scopes=operations.SCOPES,
            lasts=timedelta(days=1),
            now=clock.now(),
        )
        assert isinstance(made, operations.NewToken)
        theirs = session.scalars(select(Hold).where(Hold.company_id != other.id)).all()
        before = {one.id: (one.state, one.lock, one.person_id, one.snoozed_until) for one in theirs}
    client, headers = app.test_client(), {"Authorization": f"Bearer {made.key}"}
    body = {
        "reason": "mine now", "number": "X-1", "person": None, "until": "2026-12-01T00:00:00Z",
        "path": "customer", "value": "C-1", "version_no": 1, "day": None,
    }  # fmt: skip
    names = ("release", "reject", "link", "look", "retry", "override", "assign", "snooze",
             "correct", "date", "reopen", "redirect")  # fmt: skip
    hold_id = next(iter(before))
    for name in names:
        values = {**body, "person": "lim@kedai.my"} if name in {"reopen", "redirect"} else body
        fields = BODIES[name]["properties"] if BODIES[name] else {}
        given = {field: value for field, value in values.items() if field in fields}
        theirs_, nobodys = (
            client.post(f"/api/v1/c/lain/holds/{key}/{name}", headers=headers, json=given)
            for key in (hold_id, NOBODYS)
        )
        assert theirs_.status_code in {403, 404, 409}, (name, theirs_.text)
        for word in ("status", "code", "what", "todo"):
            assert theirs_.get_json()[word] == nobodys.get_json()[word], name
        assert "SO-10" not in theirs_.text
    assert client.get("/api/v1/c/lain/holds", headers=headers).get_json()["holds"] == []
    answer = client.get("/api/v1/c/lain/records?number=SO-10240", headers=headers)
    told(answer, 404, "record.unknown")
    with database.read() as session:
        after = session.scalars(select(Hold).where(Hold.id.in_(before))).all()
        assert {
            one.id: (one.state, one.lock, one.person_id, one.snoozed_until) for one in after
        } == before
