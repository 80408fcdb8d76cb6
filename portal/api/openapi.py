"""The OpenAPI document of the interface for programs, made from its routes.

Here: one operation a route, with the body it reads, the scope it needs and how it says no. Not
here: the calls (calls.py), reading bodies (bodies.py): tests hold this to them.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from flask import Flask
from werkzeug.routing import Rule

from grammar.version import __version__
from portal.api import answers
from portal.web.permissions import PERMISSIONS

Schema = Mapping[str, Any]
TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
REASON: Final[Schema] = {"type": "string", "minLength": 3, "maxLength": 500}
LOCK: Final[Schema] = {"type": "integer", "description": "As GET /holds told it."}
OPTIONAL_TEXT: Final[Schema] = {"type": ["string", "null"]}


def _body(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
    }


def _listed(**fields: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "maxItems": 1000, "items": _body(fields)}


_REASONED: Final = _body({"reason": REASON})
_ASKED: Final = _body({"person": TEXT, "reason": REASON})
BODIES: Final[Mapping[str, Schema]] = {
    "approve": _body({"postings": _listed(id=WHOLE, hash=TEXT), "reason": REASON}),
    "release": _REASONED,
    "reject": _REASONED,
    "link": _body({"number": TEXT, "reason": REASON}),
    "look": _REASONED,
    "retry": {},
    "override": _REASONED,
    "assign": _body({"person": OPTIONAL_TEXT}, lock=LOCK),
    "snooze": _body({"until": {"type": "string", "format": "date-time"}}, lock=LOCK),
    "correct": _body({"path": TEXT, "value": TEXT, "version_no": WHOLE, "reason": REASON}),
    "date": _body({"day": {"type": ["string", "null"], "format": "date"}, "reason": REASON}),
    "reopen": _ASKED,
    "redirect": _ASKED,
    "do_many": _body(
        {
            "act": {"type": "string", "enum": ["release", "retry"]},
            "holds": _listed(id=WHOLE, lock=WHOLE, version=WHOLE),
        },
        reason=REASON,
    ),
}
"""The body of each call that has one, by its view; a call with none takes no body."""
QUERIES: Final[Mapping[str, Mapping[str, Schema]]] = {
    "listing": {"after": WHOLE},
    "records": {"number": TEXT},
}
_ITSELF: Final[Schema] = {"type": "object", "description": "A document of OpenAPI 3.1."}
NEEDED: Final = frozenset({("records", "number")})
PROBLEM: Final = _body(
    {
        **dict.fromkeys(("type", "title", "code", "what", "why", "todo", "request_id"), TEXT),
        "status": WHOLE,
    }
)
REFUSED: Final = {
    "400": "The body cannot be read.",
    "401": "No token, or one that is over or revoked.",
    "403": "The person may not, or the token was not made for it.",
    "404": "There is no such thing for this token.",
    "409": "It is not what was looked at.",
    "413": "The body is too large; nothing of it was read.",
    "415": "The body is not JSON, or does not say so.",
    "422": "A field is wrong or missing.",
    "429": "Too many calls.",
    "503": "The database, or the portal, is busy.",
}


def document(app: Flask) -> dict[str, Any]:
    """The document, in the form of OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    rules = [one for one in app.url_map.iter_rules() if one.endpoint.startswith("api.")]
    for rule in sorted(rules, key=lambda one: one.rule):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            paths.setdefault(path, {})[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Clearpost", "version": __version__},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": PROBLEM},
        },
        "security": [{"token": []}],
    }


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    name = rule.endpoint.removeprefix("api.")
    told = (app.view_functions[rule.endpoint].__doc__ or "").strip().split("\n\n")[0]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer = (
        _ITSELF if name == "described" else answers.schema(answers.FORMS.get(name, answers.Act))
    )
    made: dict[str, Any] = {
        "operationId": name,
        "summary": re.sub(r"\s+", " ", told),
        "description": f"Scope: {PERMISSIONS[rule.endpoint]}.",
        "parameters": [*_of_path(rule), *_of_query(name)],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            **{code: {"description": why, "content": problem} for code, why in REFUSED.items()},
        },
    }
    if method == "POST":
        key = {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": 100},
        }
        made["parameters"].append(key)
        if BODIES[name]:
            content = {"application/json": {"schema": BODIES[name]}}
            made["requestBody"] = {"required": True, "content": content}
    return made


def _of_path(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": TEXT if name == "co" else WHOLE}
        for name in sorted(rule.arguments)
    ]


def _of_query(name: str) -> list[dict[str, Any]]:
    return [
        {"name": field, "in": "query", "required": (name, field) in NEEDED, "schema": schema}
        for field, schema in QUERIES.get(name, {}).items()
    ]
