"""Whether a document stands in AiAccount: by the key it was sent with, then by its number and
customer.

Here: reading, and comparing what is found with what was sent. Not here: what follows from it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import quote

from connectors.kit.contract import Answer, Found, Kept, OutgoingDocument
from connectors.kit.http import KEY_REFUSED, HttpAnswer, HttpFailure
from connectors.targets.aiaccount.answers import KEPT_BYTES, Heard, document_answer, hear

Get = Callable[[str], HttpAnswer | HttpFailure]
_UNFINISHED = frozenset({"cached", "queued", "processing"})
_GONE = frozenset({"void", "cancelled"})


def look_up(document: OutgoingDocument, key: str, get: Get, now: datetime) -> Found:
    """Look for a document. `get` makes one read-only call to a path."""
    by_key = _get(get, f"/v1/imports?idempotency_key={quote(key, safe='')}", now)
    if isinstance(by_key, Found):
        return by_key
    for entry in _data(by_key):
        if entry.get("status") in _UNFINISHED:
            words = "AiAccount has it, but has not finished it."
            return Found(kind="unknown", words=words, proof=_proof(by_key))
        found = _in_import(document, str(entry.get("id", "")), get, now)
        if found is not None:
            return found
    return _by_number(document, key, get, now)


def read(document: OutgoingDocument, get: Get, now: datetime) -> Found:
    """What stands there beside the document as it was sent; AiAccount shows total and currency."""
    heard = _listed(document, get, now)
    if isinstance(heard, Found):
        return heard
    entries = [entry for entry in _data(heard) if _same_document(document, entry)]
    live = [entry for entry in entries if entry.get("status") not in _GONE]
    if entries and not live:
        words = f"{document.number} stands there, but it was made void."
        ref = str(entries[0].get("id", "")) or None
        return Found(kind="different", words=words, target_ref=ref, proof=_proof(heard), void=True)
    found = _of_live(document, "", live, _proof(heard))
    if found.kind != "different" or len(live) != 1:
        return found
    shown = ((name, str(live[0].get(name.lower(), ""))) for name in ("Total", "Currency"))
    ours = {"Total": str(document.amount), "Currency": document.currency}
    differs = tuple(Kept(0, name, there) for name, there in shown if not _equal(ours[name], there))
    return replace(found, differs=differs)


def _in_import(document: OutgoingDocument, import_id: str, get: Get, now: datetime) -> Found | None:
    heard = _get(get, f"/v1/imports/{quote(import_id, safe='')}", now)
    if isinstance(heard, Found):
        return heard
    for entry in _entries(heard, "documents"):
        if _same_document(document, entry):
            proof = json.dumps({"import": import_id, "document": entry}, default=str).encode()
            return _from_answer(document_answer(entry, heard, document.number), proof)
    return None


def _from_answer(answer: Answer, proof: bytes) -> Found | None:
    if answer.kind == "accepted":
        words = "The import of this key took it."
        return Found(kind="equal", words=words, target_ref=answer.target_ref, proof=proof)
    if answer.error_class == "stale_version":
        return Found(
            kind="different", words=answer.words, target_ref=answer.target_ref, proof=proof
        )
    if answer.kind in {"refused", "temporary"}:
        words = f"AiAccount refused it: {answer.words}"
        return Found(kind="absent", words=words, proof=proof, refused=answer)
    return None


def _listed(document: OutgoingDocument, get: Get, now: datetime) -> Heard | Found:
    number, party = quote(document.number, safe=""), quote(document.party, safe="")
    return _get(get, f"/v1/sales/invoices?invoice_number={number}&customer={party}", now)


def _by_number(document: OutgoingDocument, key: str, get: Get, now: datetime) -> Found:
    heard = _listed(document, get, now)
    if isinstance(heard, Found):
        return heard
    live = [
        entry
        for entry in _data(heard)
        if _same_document(document, entry) and entry.get("status") not in _GONE
    ]
    return _of_live(document, key, live, _proof(heard))


def _of_live(
    document: OutgoingDocument, key: str, live: Sequence[Mapping[str, Any]], proof: bytes
) -> Found:
    if not live:
        return Found(kind="absent", words="No document of this number and customer.", proof=proof)
    ref = str(live[0].get("id", "")) or None
    if len(live) > 1:
        words = f"{len(live)} documents of this number and customer stand there."
        return Found(kind="different", words=words, target_ref=ref, proof=proof)
    kind, words = _compare(document, key, live[0])
    return Found(kind=kind, words=words, target_ref=ref, proof=proof)


def _equal(ours: str, theirs: str) -> bool:
    one, other = _decimal(ours), _decimal(theirs)
    return ours == theirs if one is None or other is None else one == other


def _compare(
    document: OutgoingDocument, key: str, entry: Mapping[str, Any]
) -> tuple[Literal["equal", "different"], str]:
    total = _decimal(entry.get("total"))
    if key and entry.get("idempotency_key") == key:
        return "equal", f"It stands there under our key, with the total {entry.get('total')}."
    if total == document.amount and entry.get("currency") == document.currency:
        return "equal", f"It stands there with the same total, {entry.get('total')}."
    there = f"{entry.get('currency')} {entry.get('total')}"
    return "different", f"It stands there with {there}, not {document.currency} {document.amount}."


def _get(get: Get, path: str, now: datetime) -> Heard | Found:
    """One call; whatever is no clear answer tells nothing about the document."""
    answer = get(path)
    if isinstance(answer, HttpFailure):
        return Found(kind="unknown", words=answer.words)
    heard = hear(answer, now)
    if answer.status == 200 and heard.content is not None:
        return heard
    told = heard.error.get("message") or "no reason given"
    words = f"The look-up was answered {answer.status}: {told}"
    refused = answer.status in KEY_REFUSED
    return Found(kind="unknown", words=words, proof=_proof(heard), key_refused=refused)


def _data(heard: Heard) -> list[Mapping[str, Any]]:
    return _entries(heard, "data")


def _entries(heard: Heard, name: str) -> list[Mapping[str, Any]]:
    value = (heard.content or {}).get(name)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _same_document(document: OutgoingDocument, entry: Mapping[str, Any]) -> bool:
    customer = entry.get("customer")
    return (
        entry.get("invoice_number") == document.number
        and isinstance(customer, str)
        and customer.strip() == document.party.strip()
    )


def _proof(heard: Heard) -> bytes:
    return heard.answer.body[:KEPT_BYTES]


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
