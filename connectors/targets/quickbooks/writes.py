"""One call from beginning to end: what must be read first, the call, and what it came to.

Here: the order of the calls; of a batch, which answer is about which document. Not here: how a call
is made (connector.py), and what an answer means (answers.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.contract import Action, Answer, Found, Payload
from connectors.contract.schema import DocumentSchema
from connectors.kit.calls import Get, not_sent, unanswered
from connectors.targets.quickbooks import answers
from connectors.targets.quickbooks.compare import compare
from connectors.targets.quickbooks.payload import (
    BATCH,
    BY_ENTITY,
    BY_PATH,
    DATE,
    DUE,
    ENTITIES,
    EXPECTED,
    ITEMS,
    SCHEMAS,
    TERM,
    VOID,
    Names,
    action_of,
    is_void,
    link,
    linked,
)
from connectors.targets.quickbooks.responses import Shown, by_number
from connectors.transport.http import HttpAnswer, HttpFailure
from connectors.transport.strict_json import dumps, loads

Post = Callable[[str, bytes], HttpAnswer | HttpFailure]
Paid = Mapping[str, Sequence[str]]  # the ids there of what has a number and is not void


@dataclass(frozen=True, slots=True)
class Written:
    """What became of each document, and the call that told it, where one was made."""

    answers: tuple[Answer, ...]
    call: HttpAnswer | HttpFailure | None = None


@dataclass(frozen=True, slots=True)
class _Write:
    """What is to be written: our body, and the same with what only QuickBooks can say; `item` is
    what it is called in its batch.
    """

    schema: DocumentSchema
    action: Action
    number: str
    total: str
    wanted: dict[str, Any]
    names: Names
    body: bytes
    item: str = ""


def write(payload: Payload, get: Get, post: Post) -> Written:
    """Do what the payload says, once."""
    if payload.path == BATCH:
        return _write_batch(payload, get, post)
    prepared = _prepared(payload, get)
    if isinstance(prepared, Answer):
        return Written((prepared,))
    path = payload.path.partition("?")[0]
    call = post(f"{path}{VOID if prepared.action == 'void' else ''}", prepared.body)
    if isinstance(call, HttpFailure):
        return Written((unanswered(call, prepared.number),), call)
    return Written((_ended(prepared, call, get),), call)


def _ended(write: _Write, call: HttpAnswer, get: Get) -> Answer:
    """What an answer to this write means."""
    refused = answers.refusal(write.number, call)
    if refused is not None:
        return _refused(write, refused, call, get)
    return answers.confirmed(
        write.schema, write.action, write.number, write.wanted, write.total, call, write.names
    )


def _write_batch(payload: Payload, get: Get, post: Post) -> Written:
    """One call for all: each document is an item of its own there, with an answer of its own."""
    items = _items(payload)
    kinds = {ENTITIES[one.schema.name].pays for one in items} - {""}
    paid = {kind: _paid_each(kind, items, get) for kind in sorted(kinds)}
    made = {(one.schema.name, one.number) for one in items}
    ready = [_after(one, _with_paid(one, paid), made) for one in items]
    going = [one for one in ready if isinstance(one, _Write)]
    call = post(BATCH, _batch_of(going)) if going else None
    told = _told(going, call, get) if call else {}
    ended = iter([told[one.item] if isinstance(one, _Write) else one for one in ready])
    places = range(len(payload.numbers))
    return Written(tuple(payload.refused.get(at) or next(ended) for at in places), call)


def _items(payload: Payload) -> list[_Write]:
    """The documents of a batch as they are meant, from the call alone."""
    content = loads(payload.body)
    listed = content.get(ITEMS, []) if isinstance(content, dict) else []
    numbers = [one for at, one in enumerate(payload.numbers) if at not in payload.refused]
    found = []
    for number, item in zip(numbers, listed, strict=True):
        entity = next(word for word in item if word in BY_ENTITY)
        key, wanted = str(item["bId"]), item[entity]
        total = payload.expected.get(f"{EXPECTED}.{key}", "")
        schema = SCHEMAS[BY_ENTITY[entity]]
        found.append(_Write(schema, "create", number, total, wanted, {}, dumps(wanted), key))
    return found


def _paid_each(kind: str, items: Sequence[_Write], get: Get) -> Paid | Found:
    mine = [one for one in items if ENTITIES[one.schema.name].pays == kind]
    return _paid(kind, {linked(one.wanted) for one in mine}, get)


def _with_paid(write: _Write, paid: Mapping[str, Paid | Found]) -> _Write | Answer:
    """A payment with the id of what it pays, or why it is not sent."""
    kind = ENTITIES[write.schema.name].pays
    if not kind:
        return write
    found, number = paid[kind], linked(write.wanted)
    if isinstance(found, Found):
        return answers.unread(write.number, found)
    ids = found.get(number, ())
    if len(ids) != 1:
        title = SCHEMAS[kind].title.lower()
        return answers.unpayable(write.number, title, number, len(ids))
    body = dumps(link(write.wanted, ids[0]))
    return replace(write, names={ids[0]: number}, body=body)


def _after(
    write: _Write, ready: _Write | Answer, made: Collection[tuple[str, str]]
) -> _Write | Answer:
    """Items of a batch do not see each other, so what pays another of them goes after it."""
    pays = (ENTITIES[write.schema.name].pays, linked(write.wanted))
    if isinstance(ready, Answer) and ready.code == answers.NOTHING_TO_PAY and pays in made:
        words = f"It pays {pays[1]}, which is in the same batch, and is sent after it."
        return not_sent(words, write.number)
    return ready


def _batch_of(writes: Sequence[_Write]) -> bytes:
    return dumps(
        {
            ITEMS: [
                {
                    "bId": one.item,
                    "operation": one.action,
                    ENTITIES[one.schema.name].name: loads(one.body),
                }
                for one in writes
            ]
        }
    )


def _told(
    writes: Sequence[_Write], call: HttpAnswer | HttpFailure, get: Get
) -> Mapping[str, Answer]:
    """What became of each item. Of one that the answer does not tell nobody knows whether it was
    done.
    """
    if isinstance(call, HttpFailure):
        return {one.item: unanswered(call, one.number) for one in writes}
    whole = {one.item: answers.refusal(one.number, call) for one in writes}
    parts = answers.items_in(call)
    return {
        one.item: whole[one.item]
        or (
            _ended(one, parts[one.item], get)
            if one.item in parts
            else answers.untold(one.number, call)
        )
        for one in writes
    }


def _prepared(payload: Payload, get: Get) -> _Write | Answer:
    """The body as it is sent, or why nothing is sent."""
    number, action = payload.numbers[0], action_of(payload)
    schema = SCHEMAS[BY_PATH[payload.path.partition("?")[0].lstrip("/")]]
    told = loads(payload.body) if payload.body else {}
    wanted: dict[str, Any] = told if isinstance(told, dict) else {}
    total = payload.expected.get(EXPECTED, "")
    write = _Write(schema, action, number, total, wanted, {}, payload.body)
    pays = ENTITIES[schema.name].pays
    ready = _with_paid(write, {pays: _paid(pays, {linked(wanted)}, get)} if pays else {})
    if isinstance(ready, Answer) or action == "create":
        return ready
    stands = _standing(schema, action, number, get)
    if isinstance(stands, Answer):
        return stands
    named = {"Id": stands.get("Id"), "SyncToken": stands.get("SyncToken")}
    told = loads(ready.body) if ready.body else {}
    body = told if isinstance(told, dict) else {}
    full = named if action == "void" else {**merged(stands, body), **named}
    return replace(ready, body=dumps(full))


_THEIRS = ("Balance", "MetaData", "TxnTaxDetail", "UnappliedAmt", "RemainingCredit", "domain")


def merged(stands: Shown, told: Shown) -> dict[str, Any]:
    """The posted document with ours over it: a full update empties whatever it does not name. The
    day that other terms, or another date, came to is left out, so that QuickBooks works it out
    again.
    """
    made = {name: value for name, value in stands.items() if name not in _THEIRS}
    moved = any(_named(told.get(one)) != _named(stands.get(one)) for one in (TERM, DATE))
    if told.get(TERM) and moved:
        made.pop(DUE, None)
    custom = {str(one.get("Name")): one for one in made.get("CustomField") or ()}
    for name, value in told.items():
        if name == "CustomField":
            custom |= {
                str(one["Name"]): {**custom.get(str(one["Name"]), {}), **one} for one in value
            }
            made[name] = list(custom.values())
        elif value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return {**made, "sparse": False}


def _named(value: object) -> object:
    """What a reference names, beside which QuickBooks shows a name; a day without its hour."""
    return value.get("value") if isinstance(value, Mapping) else str(value)[:10]


def _paid(pays: str, numbers: Collection[str], get: Get) -> Paid | Found:
    """The ids of the invoices or bills that have these numbers, by one query."""
    seen = by_number(pays, sorted(numbers), get)
    if isinstance(seen, Found):
        return seen
    live = [one for one in seen.documents if not is_void(one)]
    return {
        number: [str(one.get("Id")) for one in live if _numbered(one, number, numbers)]
        for number in numbers
    }


def _numbered(shown: Shown, number: str, asked: Collection[str]) -> bool:
    """Whether it has the number; where one alone was asked for, QuickBooks said so."""
    return len(asked) == 1 or shown.get("DocNumber") == number


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


def _refused(write: _Write, refused: Answer, call: HttpAnswer, get: Get) -> Answer:
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
    compared = compare(write.schema, write.wanted, write.total, document, write.names)
    return answers.taken(refused, document, compared)
