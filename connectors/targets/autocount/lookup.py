"""Whether something has been done in AutoCount: the document by its number, compared with ours.

Here: what a look-up says for create, update and void, and what a reading says later. Not here: the
read (answers.py, read_back.py), the comparison (compare.py), and what follows from either.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.contract import Action, Found, Kept, OutgoingDocument
from connectors.kit.calls import Get
from connectors.targets.autocount.answers import Seen, changed_by, read, told, total_of
from connectors.targets.autocount.compare import Compared, compare
from connectors.targets.autocount.payload import SCHEMAS, content, expected, path_of


def look_up(
    document: OutgoingDocument, action: Action, standing: OutgoingDocument | None, get: Get
) -> Found:
    """Look once. `get` makes one read-only call to a path below the account book."""
    if document.document not in SCHEMAS:
        words = f"AutoCount's interface knows no {document.document}."
        return Found(kind="unknown", words=words)
    number = document.number
    seen = read(path_of(document, "update"), number, get)
    if isinstance(seen, Found):
        return seen
    if seen.document is None:
        return Found(kind="absent", words=seen.words, proof=seen.proof)
    if seen.void:
        return _of_void(action, number, seen)
    compared = _against(document, seen.document)
    done = action != "void" and not compared.differences
    if done and not _as_before(action, standing, seen.document):
        words = f"It exists there as it was sent, under {number}."
        total = total_of(seen.document)
        return Found(kind="equal", words=words, target_ref=number, proof=seen.proof, total=total)
    if action != "create":
        return _untouched(document, standing, seen)
    words = f"Something else exists there under {number}: {compared.words}."
    return _different(document, words, seen, compared)


def _as_before(
    action: Action, standing: OutgoingDocument | None, stands: Mapping[str, Any]
) -> bool:
    """Whether what is shown is what was sent before an update, too: it is silent about all that the
    update changes, so nobody knows. It says whole what it wants, and may be sent twice.
    """
    return (
        action == "update" and standing is not None and not _against(standing, stands).differences
    )


def beside(document: OutgoingDocument, seen: Seen, validated: datetime | None) -> Found:
    """What was seen beside the document as it was sent last."""
    number = document.number
    if seen.document is None:
        return Found(kind="absent", words=seen.words, proof=seen.proof)
    by = changed_by(seen.document)
    if seen.void:
        found = _of_void("create", number, seen)
        return replace(found, e_invoice_at=validated, changed_by=by)
    compared = _against(document, seen.document)
    if compared.differences:
        words = f"{number} was changed in AutoCount: {compared.words}."
        found = _different(document, words, seen, compared)
        return replace(found, e_invoice_at=validated, changed_by=by)
    return Found(
        kind="equal",
        words=f"{number} exists there as it was sent.",
        target_ref=number,
        proof=seen.proof,
        e_invoice_at=validated,
        total=total_of(seen.document),
    )


def _of_void(action: Action, number: str, seen: Seen) -> Found:
    if action == "void":
        words = f"{number} is void there."
        return Found(kind="equal", words=words, target_ref=number, proof=seen.proof)
    words = f"{number} exists there, but it was made void."
    return Found(kind="different", words=words, target_ref=number, proof=seen.proof, void=True)


def _untouched(document: OutgoingDocument, standing: OutgoingDocument | None, seen: Seen) -> Found:
    """It has not been done; whether it may be depends on nobody having changed the document."""
    number = document.number
    if standing is None:
        words = f"{number} exists there, and what was sent before is not known."
        return Found(kind="different", words=words, target_ref=number, proof=seen.proof)
    before = _against(standing, seen.document or {})
    if before.differences:
        words = f"{number} was changed in AutoCount: {before.words}."
        return _different(standing, words, seen, before)
    words = f"{number} exists there as it was sent before."
    return Found(kind="absent", words=words, target_ref=number, proof=seen.proof)


def _different(document: OutgoingDocument, words: str, seen: Seen, compared: Compared) -> Found:
    schema = SCHEMAS[document.document]
    heads = {field.wire: field.name for field in schema.header if field.wire}
    rows = {field.wire: field.name for field in schema.lines if field.wire}
    differs = (
        Kept(one.line, (rows if one.line and rows else heads).get(one.field, ""), one.there)
        for one in compared.differences
    )
    return Found(
        kind="different",
        words=words,
        target_ref=document.number,
        proof=seen.proof,
        differs=tuple(differs),
        stands=told(schema, seen.document or {}),
        total=total_of(seen.document),
    )


def _against(document: OutgoingDocument, stands: Mapping[str, Any]) -> Compared:
    return compare(content(document, "update"), expected(document), stands)
