"""The OpenAPI document and the server agree, as Schemathesis checks with generated calls."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import select

from holding.access import operations
from holding.access.actors import ROLE_LABELS, SYSTEM
from holding.db.database import Database
from holding.db.models import Company, Hold, Membership, Person
from portal.api.answers import MAX_TEXT
from portal.api.calls import BODIES
from portal.web import request_guard
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite

BASE = "/api/v1/c/kedai"
EXAMPLES = int(os.environ.get("CLEARPOST_FUZZ_CALLS", "25"))
"""Generated calls for each operation and test run."""


@pytest.fixture
def headers(database: Database, clock: SetClock) -> dict[str, str]:
    """Return the headers of a token with every scope, whose person has every role."""
    with database.write() as session:
        person_id = session.scalars(select(Person.id).where(Person.email == "adam@kedai.my")).one()
        company_id = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        for role in ROLE_LABELS:
            granted = {"company_id": company_id, "person_id": person_id, "role": role}
            session.merge(Membership(**granted, granted_at=clock.now()))
        token = operations.make_token(
            session,
            SYSTEM,
            company_id=company_id,
            person_id=person_id,
            name="till",
            scopes=operations.SCOPES,
            lasts=timedelta(days=30),
            now=clock.now(),
        )
    assert isinstance(token, operations.NewToken)
    return {"Authorization": f"Bearer {token.key}"}


@pytest.fixture(autouse=True)
def unlimited(app: Flask) -> Iterator[None]:
    """Without the limit of calls a minute, which is tested elsewhere."""
    request_guard.limiter.enabled = False
    yield
    request_guard.limiter.enabled = True


def test_every_generated_call_is_answered_as_the_document_says(
    app: Flask, database: Database, headers: dict[str, str]
) -> None:
    """Valid calls are not refused as invalid, invalid ones are, and no call ends in a fault."""
    with database.read() as session:
        hold_ids = session.scalars(select(Hold.id)).all()
    schema = schemathesis.openapi.from_wsgi(f"{BASE}/openapi.json", app, headers=headers)
    labels = []
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # fails with the schema's fault
        labels.append(operation.label)

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        def call(case: schemathesis.Case[Any]) -> None:
            case.path_parameters["co"] = "kedai"
            if "hold_id" in case.path_parameters and len(str(case.body)) % 2:
                # Half of the calls reach a hold that exists.
                case.path_parameters["hold_id"] = hold_ids[len(str(case.body)) % len(hold_ids)]
            # A moment within two weeks cannot be described, so a valid call may be refused.
            is_snooze = case.operation.path.endswith("/snooze")
            left_out = [positive_data_acceptance] if is_snooze else []
            case.call_and_validate(headers=headers, excluded_checks=left_out)

        call()
    assert len(labels) == len(BODIES) + 3


@pytest.mark.parametrize(
    ("call", "body", "code"),
    [
        ("override", {"reason": "x" * 6000}, "body.field"),
        ("override", {"reason": "x" * (MAX_TEXT + 1)}, "body.field"),
        ("override", {"reason": " "}, "body.field"),
        ("release", {"reason": "right", "lok": 3}, "body.unknown"),
        ("release", {"reason": "right", "extra": 1.5}, "body.unknown"),
        ("assign", {"person": None, "lock": 10**30}, "body.field"),
        ("assign", {"person": None, "lock": -1}, "body.field"),
        ("assign", {"person": None, "lock": 1.5}, "body.field"),
    ],
)
def test_what_the_document_excludes_is_refused(
    app: Flask, headers: dict[str, str], call: str, body: dict[str, Any], code: str
) -> None:
    answer = app.test_client().post(f"{BASE}/holds/1/{call}", json=body, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("holds?after=99999999999999999999", "call.after"),
        ("holds?after=-1", "call.after"),
        ("holds?after=x", "call.after"),
        ("records?number=", "call.number"),
        (f"records?number={'9' * 6000}", "call.number"),
    ],
)
def test_a_query_out_of_bounds_is_refused(
    app: Flask, headers: dict[str, str], query: str, code: str
) -> None:
    answer = app.test_client().get(f"{BASE}/{query}", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)


@pytest.mark.parametrize("hold_id", ["00", "99999999999999999999", "-1", "1e3"])
def test_an_odd_number_in_the_address_is_not_found(
    app: Flask, headers: dict[str, str], hold_id: str
) -> None:
    body = {"reason": "right"}
    answer = app.test_client().post(f"{BASE}/holds/{hold_id}/override", json=body, headers=headers)
    assert answer.status_code == 404


def test_a_whole_number_may_be_written_with_a_point(app: Flask, headers: dict[str, str]) -> None:
    """JSON Schema counts 0.0 as an integer, so a program may send it."""
    body = {"person": None, "lock": 0.0}
    answer = app.test_client().post(f"{BASE}/holds/999999/assign", json=body, headers=headers)
    assert answer.status_code == 404
