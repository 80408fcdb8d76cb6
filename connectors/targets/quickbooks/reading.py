"""Documents as QuickBooks shows them, or why they could not be read.

Here: the read-only queries. Not here: comparing (compare.py), and what follows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.kit.calling import KEPT_BYTES, Get
from connectors.kit.http import KEY_REFUSED, HttpAnswer, HttpFailure, retry_after
from connectors.kit.strictjson import loads
from connectors.targets.quickbooks.bodies import ENTITIES, SCHEMAS, linked, number_field
from connectors.targets.quickbooks.errors import told_of

MOST, PAGES = 1000, 10
A_MINUTE = 60.0
Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a query saw: documents, none, or no clear answer at all; `whole` unless there are more
    than anybody looks through.
    """

    documents: tuple[Shown, ...]
    clear: bool
    words: str
    proof: bytes = b""
    key_refused: bool = False
    status: int | None = None
    retry_after: float | None = None
    whole: bool = True


def by_number(document: str, numbers: Sequence[str], get: Get) -> Seen:
    """The documents under these numbers; QuickBooks may have several under one."""
    field = number_field(SCHEMAS[document])
    return query(ENTITIES[document].name, f"{field} {_among(numbers)}", get)


def query(entity: str, where: str, get: Get) -> Seen:
    """All entries that fit, page by page; what is kept of the answers is the first page."""
    found: list[Shown] = []
    first = b""
    for page in range(PAGES):
        seen = _page(entity, where, page * MOST + 1, get)
        if not seen.clear:
            return seen
        found += seen.documents
        first = first or seen.proof
        if seen.whole:
            break
    words = f"{len(found)} found."
    return Seen(tuple(found), clear=True, words=words, proof=first, whole=seen.whole)


def _page(entity: str, where: str, start: int, get: Get) -> Seen:
    """One page; `whole` where no more can follow."""
    chosen = f" where {where}" if where else ""
    later = f" startposition {start}" if start > 1 else ""
    text = f"select * from {entity}{chosen}{later} maxresults {MOST}"  # noqa: S608
    answer = get(f"/query?query={quote(text, safe='')}")
    if isinstance(answer, HttpFailure):
        return Seen((), clear=False, words=answer.words)
    content, proof = loads(answer.body), answer.body[:KEPT_BYTES]
    found = content.get("QueryResponse") if isinstance(content, dict) else None
    if answer.status == 200 and isinstance(found, dict):
        rows = found.get(entity) or []
        shown = tuple(one for one in rows if isinstance(one, dict))
        whole = len(rows) < MOST
        return Seen(shown, clear=True, words="", proof=proof, whole=whole)
    told = told_of(answer.body)
    why = told.words if told else "no reason given"
    return Seen(
        (),
        clear=False,
        words=f"The look-up was answered {answer.status}: {why}",
        proof=proof,
        key_refused=answer.status in KEY_REFUSED,
        status=answer.status,
        retry_after=pause_of(answer),
    )


def pause_of(answer: HttpAnswer) -> float:
    """After how many seconds it may be asked again: calls are counted by the minute."""
    asked = retry_after(answer.headers, answer.at)
    return A_MINUTE if asked is None else asked


def names_of(document: str, shown: Iterable[Shown], get: Get) -> Mapping[str, str] | Seen:
    """The numbers of what payments pay, by their ids; none for other documents. Where nobody can
    say, why.
    """
    pays = ENTITIES[document].pays
    wanted = sorted({linked(one) for one in shown} - {""}) if pays else []
    if not wanted:
        return {}
    seen = query(ENTITIES[pays].name, f"Id {_among(wanted)}", get)
    if not seen.clear:
        return seen
    return {str(one.get("Id")): str(one.get("DocNumber") or "") for one in seen.documents}


def text_of(value: str) -> str:
    """A text as a query writes it."""
    plain = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{plain}'"


def _among(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"= {text_of(values[0])}"
    return f"in ({', '.join(map(text_of, values))})"
