"""Run one QuickBooks write: the reads it needs first, the call, and its result."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.contract import Action, Answer, Found, Kept, Payload
from connectors.contract.schema import DocumentSchema
from connectors.kit import calls
from connectors.kit.calls import LOOKUP_REFUSED, Get, not_sent, unanswered, uncertain
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
    TAX,
    TERM,
    VOID,
    Compared,
    Names,
    action_of,
    compare,
    is_void,
    link,
    linked,
    total_in,
)
from connectors.targets.quickbooks.responses import (
    NEXT,
    Seen,
    Shown,
    Told,
    by_number,
    class_of,
    numbered_among,
    pause_of,
    text_of,
    told_of,
)
from connectors.transport.http import HttpAnswer, HttpFailure
from connectors.transport.strict_json import dumps, loads

Post = Callable[[str, bytes], HttpAnswer | HttpFailure]

Paid = Mapping[str, Sequence[str]]  # the ids there of what has a number and is not void

_THEIRS = ("Balance", "MetaData", "TxnTaxDetail", "UnappliedAmt", "RemainingCredit", "domain")

NOTHING_TO_PAY = "nothing_to_pay"

_UNANSWERED = frozenset({408, 425})

_OWN_FAULTS = frozenset({"SystemFault", "ServiceFault"})


@dataclass(frozen=True, slots=True)
class Written:
    """The answer for each document of a write, and the call that returned it, if a call was
    made.
    """

    answers: tuple[Answer, ...]
    call: HttpAnswer | HttpFailure | None = None


def write(payload: Payload, get: Get, post: Post) -> Written:
    """Run a payload's write once: read the data it needs, send the call, and return the answers."""
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


def _write_batch(payload: Payload, get: Get, post: Post) -> Written:
    """Send a batch in one call. Each document is an item with an answer of its own."""
    items = _items(payload)
    kinds = {ENTITIES[document_write.schema.name].pays for document_write in items} - {""}
    paid = {kind: _paid_each(kind, items, get) for kind in sorted(kinds)}
    batch_documents = {
        (document_write.schema.name, document_write.number) for document_write in items
    }
    ready = [
        _after(document_write, _with_paid(document_write, paid), batch_documents)
        for document_write in items
    ]
    going = [entry for entry in ready if isinstance(entry, _Write)]
    call = post(BATCH, _batch_of(going)) if going else None
    answers_by_item = _told(going, call, get) if call else {}
    ended = iter(
        [answers_by_item[entry.item] if isinstance(entry, _Write) else entry for entry in ready]
    )
    places = range(len(payload.numbers))
    return Written(tuple(payload.refused.get(at) or next(ended) for at in places), call)


@dataclass(frozen=True, slots=True)
class _Write:
    """A document to write: our own body, and the body with ids and tokens that only QuickBooks
    knows.

    `item` is its name within a batch.
    """

    schema: DocumentSchema
    action: Action
    number: str
    amounts: Mapping[str, str]
    wanted: dict[str, Any]
    names: Names
    body: bytes
    item: str = ""


def _items(payload: Payload) -> list[_Write]:
    """Return a batch's documents, read from the payload alone."""
    content = loads(payload.body)
    listed = content.get(ITEMS, []) if isinstance(content, dict) else []
    numbers = [number for at, number in enumerate(payload.numbers) if at not in payload.refused]
    writes = []
    for number, item in zip(numbers, listed, strict=True):
        entity = next(word for word in item if word in BY_ENTITY)
        key, document_body = str(item["bId"]), item[entity]
        amounts = {name: payload.expected.get(f"{name}.{key}", "") for name in (EXPECTED, TAX)}
        schema = SCHEMAS[BY_ENTITY[entity]]
        writes.append(
            _Write(schema, "create", number, amounts, document_body, {}, dumps(document_body), key)
        )
    return writes


def _paid_each(kind: str, items: Sequence[_Write], get: Get) -> Paid | Found:
    payments = [
        document_write
        for document_write in items
        if ENTITIES[document_write.schema.name].pays == kind
    ]
    return _paid(kind, {linked(document_write.wanted) for document_write in payments}, get)


def _paid(pays: str, numbers: Collection[str], get: Get) -> Paid | Found:
    """Return, for each number, the ids of the live invoices or bills under it.

    One query reads all.
    """
    reading = by_number(pays, sorted(numbers), get)
    if isinstance(reading, Found):
        return reading
    live = [
        remote_document for remote_document in reading.documents if not is_void(remote_document)
    ]
    return {
        number: [
            str(remote_document.get("Id"))
            for remote_document in live
            if _numbered(remote_document, number, numbers)
        ]
        for number in numbers
    }


def _numbered(remote_document: Shown, number: str, queried_numbers: Collection[str]) -> bool:
    """Check whether a document has the number.

    A query for a single number needs no check, because QuickBooks matched it.
    """
    return len(queried_numbers) == 1 or remote_document.get("DocNumber") == number


def _after(
    write: _Write, ready: _Write | Answer, batch_documents: Collection[tuple[str, str]]
) -> _Write | Answer:
    """Return a payment that pays another item of its batch as not sent; it is sent later.

    The items of a batch cannot refer to each other. Any other write is returned unchanged.
    """
    pays = (ENTITIES[write.schema.name].pays, linked(write.wanted))
    if isinstance(ready, Answer) and ready.code == NOTHING_TO_PAY and pays in batch_documents:
        words = f"It pays {pays[1]}, which is in the same batch, and is sent after it."
        return not_sent(words, write.number)
    return ready


def _with_paid(write: _Write, paid: Mapping[str, Paid | Found]) -> _Write | Answer:
    """Return a payment with the id of the document it pays, or why it is not sent."""
    kind = ENTITIES[write.schema.name].pays
    if not kind:
        return write
    paid_documents, number = paid[kind], linked(write.wanted)
    if isinstance(paid_documents, Found):
        return unread(write.number, paid_documents)
    ids = paid_documents.get(number, ())
    if len(ids) != 1:
        title = SCHEMAS[kind].title.lower()
        return unpayable(write.number, title, number, len(ids))
    body = dumps(link(write.wanted, ids[0]))
    return replace(write, names={ids[0]: number}, body=body)


def _batch_of(writes: Sequence[_Write]) -> bytes:
    return dumps(
        {
            ITEMS: [
                {
                    "bId": document_write.item,
                    "operation": document_write.action,
                    ENTITIES[document_write.schema.name].name: loads(document_write.body),
                }
                for document_write in writes
            ]
        }
    )


def _told(
    writes: Sequence[_Write], call: HttpAnswer | HttpFailure, get: Get
) -> Mapping[str, Answer]:
    """Return the answer for each item of a batch.

    An item missing from the response is uncertain.
    """
    if isinstance(call, HttpFailure):
        return {
            document_write.item: unanswered(call, document_write.number)
            for document_write in writes
        }
    refusals = {
        document_write.item: refusal(document_write.number, call) for document_write in writes
    }
    parts = items_in(call)
    return {
        document_write.item: refusals[document_write.item]
        or (
            _ended(document_write, parts[document_write.item], get)
            if document_write.item in parts
            else untold(document_write.number, call)
        )
        for document_write in writes
    }


def _ended(write: _Write, call: HttpAnswer, get: Get) -> Answer:
    """Return the answer for a write, from the response to its call."""
    refused = refusal(write.number, call)
    if refused is not None:
        return _check_refused_number(write, refused, call, get)
    return confirmed(
        write.schema, write.action, write.number, write.wanted, write.amounts, call, write.names
    )


def _check_refused_number(write: _Write, refused: Answer, call: HttpAnswer, get: Get) -> Answer:
    """Return the answer for a refused number, after comparing the document that holds it with ours.

    So an equal document counts as already posted.
    """
    holder = holder_in(call)
    if write.action != "create" or refused.error_class != "duplicate" or not holder:
        return refused
    holder_answer = get(f"/{ENTITIES[write.schema.name].path}/{holder}")
    if isinstance(holder_answer, HttpFailure):
        return refused
    document = document_in(write.schema, holder_answer)
    if document is None:
        return refused
    compared = compare(write.schema, write.wanted, write.amounts, document, write.names)
    return taken(refused, document, compared)


def _prepared(payload: Payload, get: Get) -> _Write | Answer:
    """Return the write with the body as it is sent, or why nothing is sent."""
    number, action = payload.numbers[0], action_of(payload)
    schema = SCHEMAS[BY_PATH[payload.path.partition("?")[0].lstrip("/")]]
    parsed_body = loads(payload.body) if payload.body else {}
    document_body: dict[str, Any] = parsed_body if isinstance(parsed_body, dict) else {}
    write = _Write(schema, action, number, payload.expected, document_body, {}, payload.body)
    pays = ENTITIES[schema.name].pays
    ready = _with_paid(write, {pays: _paid(pays, {linked(document_body)}, get)} if pays else {})
    if isinstance(ready, Answer) or action == "create":
        return ready
    stands = _standing(write, get)
    if isinstance(stands, Answer):
        return stands
    named = {"Id": stands.get("Id"), "SyncToken": stands.get("SyncToken")}
    parsed_body = loads(ready.body) if ready.body else {}
    body = parsed_body if isinstance(parsed_body, dict) else {}
    full = named if action == "void" else {**merged(stands, body), **named}
    return replace(ready, body=dumps(full))


def _standing(write: _Write, get: Get) -> Shown | Answer:
    """Return the single document under the number that is to be changed, or why nothing is sent.

    Where the number cannot be searched, it is searched among the party's documents of every day,
    because the change may move the document to another day.
    """
    schema, action, number = write.schema, write.action, write.number
    reading = by_number(schema.name, [number], get)
    if isinstance(reading, Found):
        among_all = _of_party(write, get) if reading.lookup_refused else None
        if among_all is None:
            return unread(number, reading)
        reading = among_all
    if len(reading.documents) != 1:
        return gone(number, action, len(reading.documents))
    (stands,) = reading.documents
    if action == "void" and is_void(stands):
        return accepted(number, stands, None, "It was void already.", existing=True)
    return stands


def _of_party(write: _Write, get: Get) -> Seen | None:
    """Return the party's document under the number, or None unless it is surely one."""
    wire = next(f.wire for f in write.schema.header if f.name == write.schema.party_field)
    party = (write.wanted.get(wire.split(".")[0]) or {}).get("value")
    if not party:
        return None
    where = f"{wire.split('.')[0]} = {text_of(str(party))}"
    reading = numbered_among(write.schema.name, write.number, where, get)
    is_sure = isinstance(reading, Seen) and reading.whole and len(reading.documents) == 1
    return reading if isinstance(reading, Seen) and is_sure else None


def merged(stands: Shown, our_values: Shown) -> dict[str, Any]:
    """Return the posted document with our values over it, because a full update empties every field
    left out.

    If terms or date change, the due date is left out, so that QuickBooks calculates it again.
    """
    result = {name: value for name, value in stands.items() if name not in _THEIRS}
    moved = any(
        _named(our_values.get(field)) != _named(stands.get(field)) for field in (TERM, DATE)
    )
    if our_values.get(TERM) and moved:
        result.pop(DUE, None)
    custom = {
        str(custom_field.get("Name")): custom_field
        for custom_field in result.get("CustomField") or ()
    }
    for name, value in our_values.items():
        if name == "CustomField":
            custom |= {
                str(custom_field["Name"]): {
                    **custom.get(str(custom_field["Name"]), {}),
                    **custom_field,
                }
                for custom_field in value
            }
            result[name] = list(custom.values())
        elif value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return {**result, "sparse": False}


def _named(value: object) -> object:
    """Return the id in a reference, without the name that QuickBooks adds; for a date, only its
    day.
    """
    return value.get("value") if isinstance(value, Mapping) else str(value)[:10]


def unread(number: str, failed_read: Found) -> Answer:
    """Return the answer for a failed read before a write. Nothing was sent."""
    if failed_read.key_refused:
        words = f"QuickBooks refused the key at a look-up, so nothing was sent. {failed_read.words}"
        return replace(not_sent(words, number), error_class="authorization_failed")
    if failed_read.lookup_refused:
        answer = _refused_answer(number, "bad_value", LOOKUP_REFUSED, failed_read.words)
        return replace(answer, status=failed_read.status)
    unsent_answer = not_sent(failed_read.words, number)
    return replace(unsent_answer, status=failed_read.status, retry_after=failed_read.retry_after)


def _refused_answer(number: str, error_class: Any, code: str, words: str) -> Answer:
    return Answer(kind="refused", error_class=error_class, code=code, words=words, number=number)


def gone(number: str, action: Action, count: int) -> Answer:
    """Return the refusal for a change whose document is missing, or exists several times."""
    words = (
        f"{count} documents exist there under {number}; which one is ours cannot be told."
        if count
        else f"No {number} exists there any more: the {action} was not sent."
    )
    return _refused_answer(number, "stale_version", "document_gone", words)


def unpayable(number: str, kind: str, paid: str, count: int) -> Answer:
    """Return the refusal for a payment whose paid document is missing, or exists several times."""
    what = f"{count} of kind {kind} exist" if count else f"No {kind} exists"
    words = f"{what} there under {paid}: the payment cannot name the one it pays."
    return _refused_answer(number, "mapping_missing", NOTHING_TO_PAY, words)


def refusal(number: str, answer: HttpAnswer) -> Answer | None:
    """Return why the write was not done or is uncertain; None if QuickBooks reports success."""
    status = answer.status
    if status == 200:
        return None
    if status >= 500 or status < 400 or status in _UNANSWERED:
        return uncertain("no_answer", f"QuickBooks answered {status}.", status, number)
    vendor_fault = told_of(answer.body)
    error_class = class_of(status, vendor_fault)
    waits = error_class == "temporary"
    return Answer(
        kind="temporary" if waits else "refused",
        error_class=error_class,
        code=vendor_fault.code if vendor_fault else f"http_{status}",
        words=_words(vendor_fault)
        if vendor_fault
        else f"QuickBooks answered {status} without a reason.",
        number=number,
        status=status,
        retry_after=pause_of(answer) if waits else None,
    )


def _words(vendor_fault: Told) -> str:
    """Return the fault's message, followed by advice where the message has none."""
    after = NEXT.get(vendor_fault.code, "")
    return f"{vendor_fault.words.rstrip('.')}. {after}" if after else vendor_fault.words


def confirmed(
    schema: DocumentSchema,
    action: Action,
    number: str,
    our_body: dict[str, Any],
    amounts: Mapping[str, str],
    answer: HttpAnswer,
    names: Names,
) -> Answer:
    """Return the answer for a write that QuickBooks reports as done, after comparing the document
    it returned.
    """
    remote_document = document_in(schema, answer)
    if remote_document is None:
        words = "QuickBooks accepted the request, but its response could not be read."
        return uncertain("not_confirmed", words, answer.status, number)
    if action == "void":
        if is_void(remote_document):
            return accepted(number, remote_document, answer.status, "Made void.")
        words = "QuickBooks said yes, and the document is not void."
        return uncertain("not_confirmed", words, answer.status, number)
    compared = compare(schema, our_body, amounts, remote_document, names)
    if compared.differs:
        words = f"QuickBooks said yes, but something else exists there: {compared.words}."
        target_ref = str(remote_document.get("Id") or "") or None if action == "create" else None
        return uncertain("not_confirmed", words, answer.status, number, target_ref)
    return accepted(number, remote_document, answer.status, "Accepted.", kept=compared.kept)


def items_in(answer: HttpAnswer) -> Mapping[str, HttpAnswer]:
    """Return the batch's answers by item, each as if it had been sent alone.

    An item that occurs twice is left out, because its result is unclear.
    """
    content = loads(answer.body)
    listed = content.get("BatchItemResponse") if isinstance(content, dict) else None
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    often = Counter(str(row.get("bId")) for row in rows)
    return {
        str(row["bId"]): replace(answer, status=_status_of(row), body=dumps(row))
        for row in rows
        if "bId" in row and often[str(row["bId"])] == 1
    }


def _status_of(item: Mapping[str, Any]) -> int:
    """Return the HTTP status that a batch item would have had alone.

    An item with both a fault and a document, or with an internal fault, gives 500: it may have been
    done.
    """
    if "Fault" not in item:
        return 200
    fault = item["Fault"]
    kind = fault.get("type") if isinstance(fault, Mapping) else None
    has_document = any(entity.name in item for entity in ENTITIES.values())
    return 500 if has_document or kind in _OWN_FAULTS else 400


def untold(number: str, answer: HttpAnswer) -> Answer:
    """Return the uncertain answer for a document that the batch's response does not mention."""
    words = (
        f"QuickBooks answered the batch, but its response does not tell what became of {number}."
    )
    return uncertain("not_confirmed", words, answer.status, number)


def taken(refused: Answer, holder: Shown, compared: Compared) -> Answer:
    """Return the answer for a number that is taken, by comparing the document that holds it.

    With our content it is already posted; with other content it is refused.
    """
    if not compared.differs and not is_void(holder):
        words = "Already there, with the same content."
        number = refused.number or ""
        deviations = compared.kept
        return accepted(number, holder, refused.status, words, existing=True, kept=deviations)
    why = "it was made void" if is_void(holder) else compared.words
    return Answer(
        kind="refused",
        error_class="stale_version",
        code=refused.code,
        words=f"The number is already there, with other content: {why}.",
        target_ref=str(holder.get("Id") or "") or None,
        number=refused.number,
        status=refused.status,
        existing=True,
        same_content=False,
    )


def holder_in(answer: HttpAnswer) -> str:
    """Return the id of the document that holds the number, if QuickBooks names it; else blank."""
    vendor_fault = told_of(answer.body)
    return vendor_fault.holder if vendor_fault else ""


def document_in(schema: DocumentSchema, answer: HttpAnswer) -> Shown | None:
    """Return the document in an answer; None if it shows none."""
    content = loads(answer.body)
    remote_document = content.get(ENTITIES[schema.name].name) if isinstance(content, dict) else None
    return remote_document if answer.status == 200 and isinstance(remote_document, dict) else None


def accepted(
    number: str,
    remote_document: Shown,
    status: int | None,
    words: str,
    *,
    existing: bool = False,
    kept: tuple[Kept, ...] = (),
) -> Answer:
    """Return an accepted answer with the document's id and total from QuickBooks."""
    ref = str(remote_document.get("Id") or number)
    total = None if is_void(remote_document) else total_in(remote_document)
    return calls.accepted(number, ref, status, words, existing=existing, kept=kept, total=total)
