"""Deciding what a write does: create, update, void, unvoid.

Here: whether the books have it already, then what follows from the data. Not here: who may write
(api.py); the books change only when the lines are applied (books.py).
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.simulators.autocount.books import AccountBook, Books, Shown, place_of
from connectors.simulators.autocount.checks import Kind, date_fault, fault, kept_rows, worked_out
from connectors.simulators.autocount.json_fields import strange
from connectors.simulators.autocount.knock_offs import objection
from connectors.transport.strict_json import loads

LOCAL = timedelta(hours=8)
USER = "lastModifiedUserID"
USUAL_USER = "ADMIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One write that was let in. `number` is the one it names in its address."""

    verb: str  # create update void unvoid
    kind: Kind
    book: str
    number: str
    content: bytes
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a write: an effect and the document as it then stands, or a refusal."""

    status: int
    message: str = ""
    effect: str = "refused"
    number: str = ""
    stands: Shown | None = None


def decide(books: Books, job: Job, now: datetime) -> Outcome:
    """Decide about one write."""
    place = place_of(job.book, job.kind.path, job.number)
    stands = books.documents.get(place)
    if job.verb == "create":
        return _create(books, job, now)
    if stands is None:
        thing = job.kind.thing
        return Outcome(404, f"{thing} ({thing}Key = {job.number}) not exists", number=job.number)
    book = books.books[job.book]
    refused = _may_change(book, job, stands)
    if refused:
        return Outcome(400, refused, number=job.number)
    if job.verb == "update":
        return _update(book, job, stands, now)
    made = _touched(
        {**stands, "master": {**stands["master"], "cancelled": job.verb == "void"}}, now
    )
    return Outcome(204, effect=f"{job.verb}ed", number=job.number, stands=made)


def _may_change(book: AccountBook, job: Job, stands: Shown) -> str:
    master = stands["master"]
    if master["cancelled"] and job.verb != "unvoid":
        return f"{job.kind.thing} is already voided."
    if job.verb == "unvoid" and not master["cancelled"]:
        return f"{job.kind.thing} is not voided."
    if master["status"] in ("Paid", "Partially Paid"):
        return f"{job.kind.thing} has been knocked off."
    return date_fault(book, master["docDate"], locked=job.locked) or ""


def _create(books: Books, job: Job, now: datetime) -> Outcome:
    book, sent = books.books[job.book], _opened(job.content)
    if sent is None:
        return Outcome(400, "The request body is not valid.")
    number = str(sent["master"].get("docNo") or f"#{books.last_key + 1}")
    if found := strange(job.kind.parts, sent):
        return Outcome(400, found, number=number)
    sent.pop("autoFillOption", None)
    sent = {**sent, "details": sent["details"] if job.kind.ties else kept_rows(sent["details"])}
    if found := fault(book, job.kind, sent, locked=job.locked):
        return Outcome(400, found, number=number)
    stands = books.documents.get(place_of(job.book, job.kind.path, number))
    if stands is not None and (books.existing == "refuse" or stands["master"]["cancelled"]):
        return Outcome(400, f"Document No. {number} already exists.", number=number)
    if job.kind.ties:
        return _tie(books, job, number, sent, now)
    master = {
        "docKey": books.last_key + 1,
        **sent["master"],
        "docNo": number,
        "cancelled": False,
        "status": "Unpaid",
        "currencyCode": sent["master"].get("currencyCode") or "MYR",
        "createdTimeStamp": _stamp(now),
    }
    made = _touched(worked_out(book, {**sent, "master": master}), now)
    return Outcome(201, effect="created", number=number, stands=made)


def _tie(books: Books, job: Job, number: str, sent: Mapping[str, Any], now: datetime) -> Outcome:
    if found := objection(books.documents, job.book, sent):
        return Outcome(400, found, number=number)
    head = {"docKey": books.last_key + 1, **sent["master"], "docNo": number, "cancelled": False}
    made = _touched({**sent, "master": {**head, "createdTimeStamp": _stamp(now)}}, now)
    return Outcome(201, effect="created", number=number, stands=made)


def _update(book: AccountBook, job: Job, stands: Shown, now: datetime) -> Outcome:
    sent = _opened(job.content)
    if sent is None:
        return Outcome(400, "The request body is not valid.", number=job.number)
    if found := strange(job.kind.parts, sent):
        return Outcome(400, found, number=job.number)
    merged = {**stands, "master": {**stands["master"], **sent["master"]}}
    if "details" in sent:
        merged["details"] = kept_rows(_by_place(stands["details"], sent["details"]))
    if found := fault(book, job.kind, merged, locked=job.locked):
        return Outcome(400, found, number=job.number)
    made = _touched(worked_out(book, merged), now)
    return Outcome(204, effect="updated", number=job.number, stands=made)


def _by_place(stored: list[dict[str, Any]], sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Row N overwrites row N, `{}` leaves it alone, and rows beyond the array are gone."""
    return [{**(stored[at] if at < len(stored) else {}), **row} for at, row in enumerate(sent)]


def by_hand(book: AccountBook, stands: Shown, given: Mapping[str, Any], now: datetime) -> Shown:
    """Somebody changes a document in AutoCount's own pages: fields of the head, of rows, or a row
    less.
    """
    made = deepcopy(dict(stands))
    made["master"].update(given.get("master", {}))
    for at, fields in enumerate(given.get("details", ())):
        made["details"][at].update(fields)
    del made["details"][int(given.get("rows", len(made["details"]))) :]
    return _touched(worked_out(book, made), now, str(given.get("by", USUAL_USER)))


def _touched(document: Mapping[str, Any], now: datetime, user: str = "") -> Shown:
    """Rows are renumbered, days shown as moments, and the moment of the change is kept; the user
    is shown for a change by hand alone, as in the recorded answers.
    """
    head = {name: told for name, told in document["master"].items() if name != USER}
    by = {USER: user} if user else {}
    day = f"{str(document['master']['docDate'])[:10]}T00:00:00"
    rows = [{**row, "seq": at} for at, row in enumerate(document["details"])]
    return {
        **document,
        "master": {**head, **by, "docDate": day, "lastModified": _stamp(now)},
        "details": rows,
    }


def _opened(content: bytes) -> dict[str, Any] | None:
    body = loads(content)
    if not isinstance(body, dict):
        return None
    body.setdefault("master", {})
    lists = [body.get(name) for name in ("details", "paymentDetails") if name in body]
    good = isinstance(body["master"], dict) and all(_are_rows(rows) for rows in lists)
    return body if good else None


def _are_rows(rows: object) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _stamp(now: datetime) -> str:
    """Local time, without a zone."""
    return (now + LOCAL).replace(tzinfo=None).isoformat()
