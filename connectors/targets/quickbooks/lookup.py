"""Whether something has been done in QuickBooks: the document by its number, compared with ours.

Here: what a look-up says for create, update and void, of one document or of many, and what a
reading says later. Not here: the
query (responses.py), the comparison (compare.py), and what follows from either.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.contract import Action, Found, OutgoingDocument, Question
from connectors.kit.calls import Get
from connectors.targets.quickbooks.compare import Compared, compare
from connectors.targets.quickbooks.payload import (
    SCHEMAS,
    Names,
    content,
    is_void,
    told,
    total_in,
    total_of,
)
from connectors.targets.quickbooks.responses import (
    Each,
    Seen,
    Shown,
    with_names,
    with_names_each,
)


def look_up(question: Question, get: Get) -> Found:
    """Look once. `get` makes one read-only call to a path below the company."""
    document = question.document
    if document.document not in SCHEMAS:
        words = f"The connection to QuickBooks knows no {document.document}."
        return Found(kind="unknown", words=words)
    found = with_names(document.document, [document.number], get)
    return found if isinstance(found, Found) else _said(question, *found)


def look_up_together(questions: Sequence[Question], get: Get) -> tuple[Found, ...]:
    """Look once for each, by one query for those of a type."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for one in questions:
        numbers[one.document.document].append(one.document.number)
    told = {
        name: with_names_each(name, mine, get) for name, mine in numbers.items() if name in SCHEMAS
    }
    return tuple(_told_of(one, told, get) for one in questions)


def _told_of(question: Question, told: Mapping[str, Each], get: Get) -> Found:
    document = question.document
    if document.document not in told:
        return look_up(question, get)
    found = told[document.document][document.number]
    return found if isinstance(found, Found) else _said(question, *found)


def _said(question: Question, seen: Seen, names: Names) -> Found:
    """What a look-up says that saw this under the number."""
    document, action = question.document, question.action
    if not seen.documents:
        words = f"No {document.number} exists there."
        return Found(kind="absent", words=words, proof=seen.proof)
    chosen = _chosen(document, action, seen.documents, names)
    if chosen is None:
        return _several(document, seen)
    if is_void(chosen):
        return _of_void(action, document.number, chosen, seen)
    compared = against(document, chosen, names)
    if action != "void" and not compared.differs:
        words = f"It exists there as it was sent, under {document.number}."
        return Found(
            kind="equal",
            words=words,
            target_ref=_id(chosen),
            proof=seen.proof,
            total=total_in(chosen),
        )
    if action != "create":
        return _untouched(document, question.standing, chosen, seen, names)
    words = f"Something else exists there under {document.number}: {compared.words}."
    return _different(document, words, chosen, seen, compared, names)


def beside(
    document: OutgoingDocument, seen: Seen, names: Names, validated: datetime | None
) -> Found:
    """What was seen beside the document as it was sent last."""
    number = document.number
    if not seen.documents:
        return Found(kind="absent", words=f"No {number} exists there.", proof=seen.proof)
    chosen = _chosen(document, "create", seen.documents, names)
    if chosen is None:
        return _several(document, seen)
    if is_void(chosen):
        found = _of_void("create", number, chosen, seen)
        return replace(found, e_invoice_at=validated)
    compared = against(document, chosen, names)
    if compared.differs:
        words = f"{number} was changed in QuickBooks: {compared.words}."
        found = _different(document, words, chosen, seen, compared, names)
        return replace(found, e_invoice_at=validated)
    return Found(
        kind="equal",
        words=f"{number} exists there as it was sent.",
        target_ref=_id(chosen),
        proof=seen.proof,
        e_invoice_at=validated,
        total=total_in(chosen),
    )


def against(document: OutgoingDocument, shown: Shown, names: Names) -> Compared:
    """A document of ours compared with one in the target."""
    schema = SCHEMAS[document.document]
    return compare(schema, content(document, blanks=True), total_of(document), shown, names)


def _chosen(
    document: OutgoingDocument, action: Action, shown: Sequence[Shown], names: Names
) -> Shown | None:
    """The one that is meant: of several under the number, the one with our content."""
    if len(shown) == 1:
        return shown[0]
    if action != "create":
        return None
    same = [one for one in shown if not is_void(one) and not against(document, one, names).differs]
    return same[0] if len(same) == 1 else None


def _several(document: OutgoingDocument, seen: Seen) -> Found:
    words = f"{len(seen.documents)} documents exist there under {document.number}."
    return Found(kind="different", words=words, proof=seen.proof)


def _of_void(action: Action, number: str, shown: Shown, seen: Seen) -> Found:
    ref = _id(shown)
    if action == "void":
        words = f"{number} is void there."
        return Found(kind="equal", words=words, target_ref=ref, proof=seen.proof)
    words = f"{number} exists there, but it was made void."
    return Found(kind="different", words=words, target_ref=ref, proof=seen.proof, void=True)


def _untouched(
    document: OutgoingDocument,
    standing: OutgoingDocument | None,
    shown: Shown,
    seen: Seen,
    names: Names,
) -> Found:
    """It has not been done; whether it may be depends on nobody having changed the document."""
    number = document.number
    if standing is None:
        words = f"{number} exists there, and what was sent before is not known."
        return Found(kind="different", words=words, target_ref=_id(shown), proof=seen.proof)
    before = against(standing, shown, names)
    if before.differs:
        words = f"{number} was changed in QuickBooks: {before.words}."
        return _different(standing, words, shown, seen, before, names)
    words = f"{number} exists there as it was sent before."
    return Found(kind="absent", words=words, target_ref=_id(shown), proof=seen.proof)


def _different(
    document: OutgoingDocument,
    words: str,
    shown: Shown,
    seen: Seen,
    compared: Compared,
    names: Names,
) -> Found:
    return Found(
        kind="different",
        words=words,
        target_ref=_id(shown),
        proof=seen.proof,
        differs=compared.differs,
        stands=told(SCHEMAS[document.document], shown, names),
        total=total_in(shown),
    )


def _id(shown: Shown) -> str | None:
    return str(shown.get("Id") or "") or None
