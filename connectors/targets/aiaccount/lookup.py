"""Whether a document is in AiAccount: by the key it was sent with, then by its number and
party.

Here: reading, and comparing what is found with what was sent. Not here: what follows from it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from connectors.contract import Answer, Found, Kept, OutgoingDocument
from connectors.kit.calls import KEPT_BYTES, Get, unclear
from connectors.targets.aiaccount.answers import document_answer
from connectors.targets.aiaccount.outcomes import Heard, decimal_of, hear, list_of, pause_of
from connectors.targets.aiaccount.ways import KEY_LASTS, WAYS
from connectors.transport.http import HttpFailure
from grammar.text.characters import in_currency

_UNFINISHED = frozenset({"cached", "queued", "processing"})
_GONE = frozenset({"void", "cancelled"})


def look_up(document: OutgoingDocument, key: str, get: Get, now: datetime) -> Found:
    """Look for a document. `get` makes one read-only call to a path."""
    by_key = _get(get, f"/v1/imports?idempotency_key={quote(key, safe='')}", now, "data")
    if isinstance(by_key, Found):
        return by_key
    for entry in _data(by_key):
        if entry.get("status") in _UNFINISHED:
            words = "AiAccount has received it and is still processing it."
            return Found(kind="unknown", words=words, proof=_proof(by_key))
        found = _in_import(document, str(entry.get("id", "")), get, now)
        if found is not None:
            return found
    if not WAYS[document.document].shown:
        return _not_shown(_proof(by_key))
    return _by_number(document, key, get, now)


def _not_shown(proof: bytes = b"") -> Found:
    """It is in no list there, whether it was taken or not: never the proof that it may be made."""
    words = "AiAccount lists no refunds, so it cannot be looked up."
    return Found(kind="unknown", words=words, proof=proof, key_lasts=KEY_LASTS)


def read(document: OutgoingDocument, get: Get, now: datetime) -> Found:
    """What the target has for the document as it was sent, as far as AiAccount shows it."""
    if not WAYS[document.document].shown:
        return _not_shown()
    heard = _listed(document, get, now)
    if isinstance(heard, Found):
        return heard
    entries = [entry for entry in _data(heard) if _same_document(document, entry)]
    live = [entry for entry in entries if entry.get("status") not in _GONE]
    if entries and not live:
        words = f"{document.number} exists there, but it was made void."
        ref = str(entries[0].get("id", "")) or None
        return Found(kind="different", words=words, target_ref=ref, proof=_proof(heard), void=True)
    found = _of_live(document, "", live, _proof(heard))
    if found.kind != "different" or len(live) != 1:
        return found
    differs = (Kept(0, name, there) for name, _, there in _differences(document, live[0]))
    return replace(found, differs=tuple(differs))


def _in_import(document: OutgoingDocument, import_id: str, get: Get, now: datetime) -> Found | None:
    heard = _get(get, f"/v1/imports/{quote(import_id, safe='')}", now, "documents")
    if isinstance(heard, Found):
        return heard
    for entry in list_of((heard.content or {}).get("documents")):
        if _same_document(document, entry):
            proof = json.dumps({"import": import_id, "document": entry}, default=str).encode()
            return _from_answer(document_answer(entry, heard, document.number), proof)
    return None


def _from_answer(answer: Answer, proof: bytes) -> Found | None:
    if answer.kind == "accepted":
        words = "The import of this key took it."
        ref, total = answer.target_ref, answer.total
        return Found(
            kind="equal",
            words=words,
            target_ref=ref,
            proof=proof,
            total=total,
            besides=answer.besides,
        )
    if answer.error_class == "stale_version":
        return Found(
            kind="different", words=answer.words, target_ref=answer.target_ref, proof=proof
        )
    if answer.kind in {"refused", "temporary"}:
        words = f"AiAccount refused it: {answer.words}"
        return Found(kind="absent", words=words, proof=proof, refused=answer)
    return None


def _listed(document: OutgoingDocument, get: Get, now: datetime) -> Heard | Found:
    way = WAYS[document.document]
    number, party = quote(document.number, safe=""), quote(document.party, safe="")
    return _get(get, f"{way.page}?{way.number}={number}&{way.party}={party}", now, "data")


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
        words = f"No document of this number and {WAYS[document.document].party}."
        return Found(kind="absent", words=words, proof=proof)
    ref = str(live[0].get("id", "")) or None
    if len(live) > 1:
        same = f"this number and {WAYS[document.document].party}"
        words = f"{len(live)} documents of {same} exist there."
        return Found(kind="different", words=words, target_ref=ref, proof=proof)
    kind, words = _compare(document, key, live[0])
    way = WAYS[document.document]
    total = decimal_of(live[0].get(way.shown[way.amount]))
    return Found(kind=kind, words=words, target_ref=ref, proof=proof, total=total)


def _equal(ours: str, theirs: str) -> bool:
    one, other = decimal_of(ours), decimal_of(theirs)
    return ours == theirs if one is None or other is None else one == other


def _compare(
    document: OutgoingDocument, key: str, entry: Mapping[str, Any]
) -> tuple[Literal["equal", "different"], str]:
    amount = WAYS[document.document].amount
    told, currency = entry.get(WAYS[document.document].shown[amount]), entry.get("currency")
    value = decimal_of(told)
    there = f"{currency} {told}" if value is None else in_currency(value, str(currency or ""))
    if key and entry.get("idempotency_key") == key:
        return "equal", f"It exists there under our key, with the {amount.lower()} {there}."
    differs = _differences(document, entry)
    if not differs:
        return "equal", f"It exists there with the same {amount.lower()}, {there}."
    if not {amount, "Currency"}.isdisjoint(name for name, _, _ in differs):
        ours = in_currency(document.amount, document.currency)
        return "different", f"It exists there with {there}, not {ours}."
    words = (f"{name} {there}, not {ours}" for name, ours, there in differs)
    return "different", f"It exists there with {'; '.join(words)}."


def _differences(
    document: OutgoingDocument, entry: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """(field, ours, theirs) of what AiAccount shows otherwise than it was sent."""
    amount = WAYS[document.document].amount
    ours = {**document.fields, amount: str(document.amount), "Currency": document.currency}
    pairs = (
        (name, ours.get(name, ""), str(entry.get(word, "")))
        for name, word in WAYS[document.document].shown.items()
    )
    return [(name, mine, there) for name, mine, there in pairs if not _equal(mine, there)]


def _get(get: Get, path: str, now: datetime, listed: str) -> Heard | Found:
    """One call; whatever is no clear answer tells nothing about the document. One without its list
    is none: that a document is not in it would say that it may be sent again.
    """
    answer = get(path)
    if isinstance(answer, HttpFailure):
        return unclear(answer)
    heard = hear(answer, now)
    if answer.status == 200 and isinstance((heard.content or {}).get(listed), list):
        return heard
    return unclear(answer, heard.error.get("message", ""), pause_of(heard))


def _data(heard: Heard) -> list[Mapping[str, Any]]:
    return list_of((heard.content or {}).get("data"))


def _same_document(document: OutgoingDocument, entry: Mapping[str, Any]) -> bool:
    way = WAYS[document.document]
    party = entry.get(way.party)
    return (
        entry.get(way.number) == document.number
        and isinstance(party, str)
        and party.strip() == document.party.strip()
    )


def _proof(heard: Heard) -> bytes:
    return heard.answer.body[:KEPT_BYTES]
