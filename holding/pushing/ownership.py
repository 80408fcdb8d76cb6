"""What of a document is ours: the fields that its route leaves to people in the target stay out.

Here: which those are, and a document without them. Not here: what follows from a change of one of
ours (rules/target_edits.py).

A first value of theirs is sent with the document and never again: it is left out of updates, of
look-ups and of what is compared when a document is looked for.
"""

from dataclasses import replace
from typing import TypeVar

from sqlalchemy.orm import Session

from connectors.kit.contract import Target
from holding import worlds
from rules.outcome import Document

Maybe = TypeVar("Maybe", Document, Document | None)


def theirs_of(
    session: Session, target: Target, ruleset_version_id: int, route: str
) -> frozenset[str]:
    """The header fields that the people in the target own, under a version of the rules.

    One that the target needs in every call is sent as it was last seen there (the rules see to it).
    """
    program = worlds.program(session, ruleset_version_id)
    named = next((one for one in program.routes if one.name == route), None)
    if named is None or not named.theirs:
        return frozenset()
    schemas = (one for one in target.documents if one.name == named.document)
    needed = {f.name for schema in schemas for f in schema.header if f.required}
    return frozenset(named.theirs) - needed


def ours(document: Maybe, theirs: frozenset[str]) -> Maybe:
    """The document without what is theirs."""
    if document is None or not theirs:
        return document
    fields = {name: value for name, value in document.fields.items() if name not in theirs}
    return replace(document, fields=fields)
