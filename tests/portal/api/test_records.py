"""Where an order is, as a shop asks; and the OpenAPI document, held to the calls themselves."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Hold, Posting, Record
from portal.api import calls
from tests.portal.api.test_api import Call, call, key
from tests.portal.seed import SCRIPT
from tests.support.databases import any_move

pytestmark = pytest.mark.sqlite
__all__ = ["call", "key"]


def records(call: Call, token: str, number: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(token, f"/records?number={number}").get_json()["records"]
    return found


def test_a_posted_order_is_found_by_its_number_and_by_its_document(call: Call, key: Any) -> None:
    vera = key("vera", scopes=("record.read",))
    (found,) = records(call, vera, "SO-10241")
    (document,) = found["documents"]
    assert (found["number"], found["state"], found["holds"]) == ("SO-10241", "posted", [])
    assert (document["state"], document["connection"]) == ("posted", "aiaccount")
    assert document["posted_at"]
    assert document["target_ref"]
    assert found["page"].endswith("/c/kedai/records/netshop/order/SO-10241")
    assert records(call, vera, document["number"]) == [found]


def test_a_held_order_says_why_and_who_and_shows_no_personal_value(
    call: Call, key: Any, database: Database
) -> None:
    with database.write() as session:
        record = select(Record.id).where(Record.number == "SO-10210").scalar_subquery()
        quoted = update(Hold).where(Hold.record_id == record).values(message=f"Ask {SCRIPT}")
        session.execute(quoted.execution_options(synchronize_session=False))
    (found,) = records(call, key("farah"), "SO-10200")
    assert found["state"] == "held"
    assert {one["code"] for one in found["holds"]} == {"MAP01"}
    assert found["holds"][0]["owner"] == "Sales administration"
    (masked,) = records(call, key("vera"), "SO-10210")
    assert {one["message"] for one in masked["holds"]} == {"Ask •••"}
    (shown,) = records(call, key("farah"), "SO-10210")
    assert {one["message"] for one in shown["holds"]} == {f"Ask {SCRIPT}"}


@pytest.mark.parametrize("state", ["ready", "sending", "uncertain", "failed", "posted"])
def test_what_kept_a_document_before_it_was_approved_is_no_reason_any_more(
    call: Call, key: Any, database: Database, state: str
) -> None:
    with database.write() as session, any_move(session):
        record = select(Record.id).where(Record.number == "SO-10220").scalar_subquery()
        moved = update(Posting).where(Posting.record_id == record).values(state=state)
        session.execute(moved.execution_options(synchronize_session=False))
    (found,) = records(call, key("farah"), "SO-10220")
    assert [(one["state"], one["reason"]) for one in found["documents"]] == [(state, "")]


def test_what_is_not_there_and_what_is_not_asked(call: Call, key: Any) -> None:
    vera = key("vera")
    for path, status, code in (
        ("/records?number=NS-NONE", 404, "record.unknown"),
        ("/records", 422, "call.number"),
        ("/holds?after=last", 422, "call.after"),
        ("/holds?after=99999999999999999999", 422, "call.after"),
    ):
        answer = call(vera, path)
        told = answer.get_json()
        assert (answer.status_code, told["code"]) == (status, code)
        assert answer.content_type == "application/problem+json"
    assert call("", "/records?number=SO-10240").status_code == 401
    assert call(vera, "/records?number=SO-10240", co="lain").status_code == 404
    narrow = key("farah", scopes=("hold.assign",))
    assert call(narrow, "/records?number=SO-10240").get_json()["code"] == "token.scope"


def test_the_document_has_every_call_with_its_scope(app: Flask, call: Call, key: Any) -> None:
    told = call(key("vera"), "/openapi.json").get_json()
    assert told["openapi"] == "3.1.0"
    rules = [one for one in app.url_map.iter_rules() if one.endpoint.startswith("api.")]
    wanted = {
        (re.sub(r"<(?:int:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in rules
        for method in rule.methods & {"GET", "POST"}
    }
    found = {(path, how) for path, made in told["paths"].items() for how in made}
    assert found == wanted
    made = told["paths"]["/api/v1/c/{co}/holds/{hold_id}/release"]["post"]
    assert made["description"] == "Scope: posting.approve."
    assert {one["name"] for one in made["parameters"]} == {"co", "hold_id", "Idempotency-Key"}
    assert made["responses"]["409"]["content"].keys() == {"application/problem+json"}
    posts = {rule.endpoint.removeprefix("api.") for rule in rules if "POST" in rule.methods}
    assert set(calls.BODIES) == posts
