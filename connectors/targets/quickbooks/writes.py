"""One write from beginning to end: what must be read first, the call, and what it came to.

Here: the order of the calls. Not here: how a call is made (connector.py), and what an answer means
(answers.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.contract import Action, Answer, Found, Payload
from connectors.contract.schema import DocumentSchema
from connectors.kit.calls import Get, unanswered
from connectors.targets.quickbooks import answers
from connectors.targets.quickbooks.compare import compare
from connectors.targets.quickbooks.payload import (
    BY_PATH,
    ENTITIES,
    EXPECTED,
    SCHEMAS,
    VOID,
    Names,
    action_of,
    is_void,
    link,
    linked,
    merged,
)
from connectors.targets.quickbooks.responses import Shown, by_number
from connectors.transport.http import HttpAnswer, HttpFailure
from connectors.transport.strict_json import dumps, loads

Post = Callable[[str, bytes], HttpAnswer | HttpFailure]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a document, and the call that told it, where one was made."""

    answer: Answer
    call: HttpAnswer | HttpFailure | None = None


@dataclass(frozen=True, slots=True)
class _Write:
    """What is to be written: our body, and the same with what only QuickBooks can say."""

    schema: DocumentSchema
    action: Action
    number: str
    wanted: dict[str, Any]
    names: Names
    body: bytes


def write(payload: Payload, get: Get, post: Post) -> Written:
    """Do what the payload says, once."""
    prepared = _prepared(payload, get)
    if isinstance(prepared, Answer):
        return Written(prepared)
    path = payload.path.partition("?")[0]
    call = post(f"{path}{VOID if prepared.action == 'void' else ''}", prepared.body)
    if isinstance(call, HttpFailure):
        return Written(unanswered(call, prepared.number), call)
    refused = answers.refusal(prepared.number, call)
    total = payload.expected.get(EXPECTED, "")
    if refused is not None:
        return Written(_refused(prepared, refused, call, total, get), call)
    confirmed = answers.confirmed(
        prepared.schema,
        prepared.action,
        prepared.number,
        prepared.wanted,
        total,
        call,
        prepared.names,
    )
    return Written(confirmed, call)


def _prepared(payload: Payload, get: Get) -> _Write | Answer:
    """The body as it is sent, or why nothing is sent."""
    number, action = payload.numbers[0], action_of(payload)
    schema = SCHEMAS[BY_PATH[payload.path.partition("?")[0].lstrip("/")]]
    told = loads(payload.body) if payload.body else {}
    wanted: dict[str, Any] = told if isinstance(told, dict) else {}
    names: Names = {}
    body = wanted
    pays = ENTITIES[schema.name].pays
    if pays:
        found = _paid(pays, linked(wanted), number, get)
        if isinstance(found, Answer):
            return found
        names, body = {found: linked(wanted)}, link(wanted, found)
    if action == "create":
        same = dumps(body) if body is not wanted else payload.body
        return _Write(schema, action, number, wanted, names, same)
    stands = _standing(schema, action, number, get)
    if isinstance(stands, Answer):
        return stands
    named = {"Id": stands.get("Id"), "SyncToken": stands.get("SyncToken")}
    full = named if action == "void" else {**merged(stands, body), **named}
    return _Write(schema, action, number, wanted, names, dumps(full))


def _paid(pays: str, paid: str, number: str, get: Get) -> str | Answer:
    """The id of the invoice or bill that a payment pays."""
    seen = by_number(pays, [paid], get)
    if isinstance(seen, Found):
        return answers.unread(number, seen)
    live = [str(one.get("Id")) for one in seen.documents if not is_void(one)]
    return (
        live[0]
        if len(live) == 1
        else answers.unpayable(number, SCHEMAS[pays].title.lower(), paid, len(live))
    )


def _standing(schema: DocumentSchema, action: Action, number: str, get: Get) -> Shown | Answer:
    """The one document that is to be changed."""
    seen = by_number(schema.name, [number], get)
    if isinstance(seen, Found):
        return answers.unread(number, seen)
    if len(seen.documents) != 1:
        return answers.gone(number, action, len(seen.documents))
    (stands,) = seen.documents
    if action == "void" and is_void(stands):
        return answers.accepted(number, stands, None, "It was void already.", existing=True)
    return stands


def _refused(write: _Write, refused: Answer, call: HttpAnswer, total: str, get: Get) -> Answer:
    """A number that is taken is looked at before anybody calls it a duplicate."""
    holder = answers.holder_in(call)
    if write.action != "create" or refused.error_class != "duplicate" or not holder:
        return refused
    shown = get(f"/{ENTITIES[write.schema.name].path}/{holder}")
    if isinstance(shown, HttpFailure):
        return refused
    document = answers.document_in(write.schema, shown)
    if document is None:
        return refused
    compared = compare(write.schema, write.wanted, total, document, write.names)
    return answers.taken(refused, document, compared)
