"""What calls answer is as the OpenAPI document describes it; times carry their offset."""

from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from holding.db.database import Database
from tests.portal.api.test_api import call, key, seen, waiting
from tests.portal.reading import hold_of

pytestmark = pytest.mark.sqlite
__all__ = ("call", "key")


def differs(value: Any, schema: dict[str, Any], at: str = "answer") -> list[str]:
    """Return where a value differs from a schema; a field that it does not name counts, too."""
    if "anyOf" in schema:
        return [] if any(not differs(value, one, at) for one in schema["anyOf"]) else [at]
    types = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    if type(value) is not types[schema["type"]]:
        return [f"{at} is {value!r}"]
    if schema["type"] == "object":
        parts, names = schema["properties"], set(value)
        wrong = [] if set(schema["required"]) <= names <= set(parts) else [f"{at}: {sorted(value)}"]
        known = names & set(parts)
        return wrong + [w for name in known for w in differs(value[name], parts[name], name)]
    if schema["type"] == "array":
        return [w for one in value for w in differs(one, schema["items"], at)]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at} is {value!r}"]
    if schema.get("format") == "date-time":
        return [] if datetime.fromisoformat(value).tzinfo else [f"{at} has no offset"]
    return []


def described(answers: dict[str, Any], path: str, how: str) -> dict[str, Any]:
    made = answers["paths"][f"/api/v1/c/{{co}}{path}"][how]["responses"]["200"]
    found: dict[str, Any] = made["content"]["application/json"]["schema"]
    return found


def test_each_answer_is_as_it_is_described(call: Any, key: Any, database: Database) -> None:
    farah, lim = key("farah"), key("lim")
    told = call(farah, "/openapi.json").get_json()
    holds = call(lim, "/holds").get_json()
    assert len(holds["holds"]) > 3
    assert not differs(holds, described(told, "/holds", "get"))
    records = call(farah, "/records?number=SO-10240").get_json()
    assert records["records"][0]["documents"]
    assert not differs(records, described(told, "/records", "get"))
    first = holds["holds"][0]
    many = {"act": "retry", "holds": [{n: first[k] for n, k in
            (("id", "hold"), ("lock", "lock"), ("version", "version"))}]}  # fmt: skip
    assert not differs(
        call(farah, "/holds/many", many).get_json(), described(told, "/holds/many", "post")
    )
    given = call(farah, f"/holds/{hold_of(database, 'SO-10210')}/assign", {"person": None})
    one = described(told, "/holds/{hold_id}/assign", "post")
    assert given.status_code == 200
    assert not differs(given.get_json(), one)
    approved = call(lim, "/holds/approve", seen(*waiting(call, lim)))
    assert approved.get_json()["approved"]
    assert not differs(approved.get_json(), described(told, "/holds/approve", "post"))


def test_every_call_that_answers_is_described(app: Flask, call: Any, key: Any) -> None:
    told = call(key("farah"), "/openapi.json").get_json()
    for path, made in told["paths"].items():
        for how in made:
            assert described(told, path.removeprefix("/api/v1/c/{co}"), how)["type"] == "object"


def test_a_refusal_has_what_its_description_names(call: Any, key: Any) -> None:
    farah = key("farah")
    problem = call(farah, "/openapi.json").get_json()["components"]["schemas"]["Problem"]
    refused = call(farah, "/records").get_json()
    assert {"why", "request_id", "type"} <= set(problem["properties"])
    assert not differs(refused, problem)
