"""Documents as QuickBooks shows them, or why they could not be read.

Here: the read-only queries. Not here: comparing (compare.py), and what follows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.kit.calling import KEPT_BYTES, Get
from connectors.kit.http import KEY_REFUSED, HttpFailure
from connectors.kit.strictjson import loads
from connectors.targets.quickbooks.bodies import ENTITIES, SCHEMAS, linked, number_field
from connectors.targets.quickbooks.errors import told_of

MOST = 1000
Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a query saw: documents, none, or no clear answer at all."""

    documents: tuple[Shown, ...]
    clear: bool
    words: str
    proof: bytes = b""
    key_refused: bool = False
    sent: bool = True  # false: nobody was reached


def by_number(document: str, numbers: Sequence[str], get: Get) -> Seen:
    """The documents under these numbers; QuickBooks may have several under one."""
    field = number_field(SCHEMAS[document])
    return query(ENTITIES[document].name, f"{field} {_among(numbers)}", get)


def query(entity: str, where: str, get: Get) -> Seen:
    """All entries that fit, on one page."""
    text = f"select * from {entity}{f' where {where}' if where else ''} maxresults {MOST}"  # noqa: S608
    answer = get(f"/query?query={quote(text, safe='')}")
    if isinstance(answer, HttpFailure):
        return Seen((), clear=False, words=answer.words, sent=answer.kind == "no_answer")
    content, proof = loads(answer.body), answer.body[:KEPT_BYTES]
    found = content.get("QueryResponse") if isinstance(content, dict) else None
    if answer.status == 200 and isinstance(found, dict):
        rows = found.get(entity) or []
        shown = tuple(one for one in rows if isinstance(one, dict))
        return Seen(shown, clear=True, words=f"{len(shown)} found.", proof=proof)
    told = told_of(answer.body)
    words = f"The look-up was answered {answer.status}: {told.words if told else 'no reason given'}"
    refused = answer.status in KEY_REFUSED
    return Seen((), clear=False, words=words, proof=proof, key_refused=refused)


def names_of(document: str, shown: Iterable[Shown], get: Get) -> Mapping[str, str] | None:
    """The numbers of what payments pay, by their ids; none for other documents, None where nobody
    can say.
    """
    pays = ENTITIES[document].pays
    wanted = sorted({linked(one) for one in shown} - {""}) if pays else []
    if not wanted:
        return {}
    seen = query(ENTITIES[pays].name, f"Id {_among(wanted)}", get)
    if not seen.clear:
        return None
    return {str(one.get("Id")): str(one.get("DocNumber") or "") for one in seen.documents}


def text_of(value: str) -> str:
    """A text as a query writes it."""
    plain = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{plain}'"


def _among(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"= {text_of(values[0])}"
    return f"in ({', '.join(map(text_of, values))})"
