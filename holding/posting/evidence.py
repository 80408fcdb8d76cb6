"""Derive idempotency keys, posting lines and the rendered trace of a push.

An unchanged posting always gives equal values. Fields that a route leaves to people in the target
are left out.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.contract import Action, Target
from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Evaluation, Posting, Push, RuleFile, StoryForm
from holding.db.models.columns import to_minor
from holding.programs import world
from holding.programs.replay import replay_with_rules
from rules.outcomes import Document, trace_lines
from rules.values.canonical import dumps, sha256_hex

Maybe = TypeVar("Maybe", Document, Document | None)


def target_owned_fields(
    session: Session, target: Target, ruleset_version_id: int, route: str
) -> frozenset[str]:
    """Return the header fields that people in the target own, under a rule version.

    A field that the target requires in every call is sent as it was last read there.
    """
    program = world.program(session, ruleset_version_id)
    route_definition = next(
        (definition for definition in program.routes if definition.name == route), None
    )
    if route_definition is None or not route_definition.theirs:
        return frozenset()
    schemas = (schema for schema in target.documents if schema.name == route_definition.document)
    needed = {f.name for schema in schemas for f in schema.header if f.required}
    return frozenset(route_definition.theirs) - needed


def without_target_fields(document: Maybe, target_fields: frozenset[str]) -> Maybe:
    """Return the document without the fields that people in the target own."""
    if document is None or not target_fields:
        return document
    fields = {name: value for name, value in document.fields.items() if name not in target_fields}
    return replace(document, fields=fields)


WINDOW = 32_768
"""So many bytes zlib looks back."""
KEY_MARK = "cp-"
KEY_DIGITS = 32
Bills = Sequence[Sequence[str]]  # [line key, quantity] for each line of a document, in its order


def action_of(word: str) -> Action:
    """Return the action that a stored word names."""
    return "update" if word == "update" else "void" if word == "void" else "create"


def push_key(posting: Posting, no: int) -> str:
    """Return the idempotency key of a posting's push."""
    return derived_key(
        company_id=posting.company_id,
        connection_id=posting.connection_id,
        doc_type=posting.doc_type,
        number=posting.number,
        action=posting.action,
        content_hash=posting.hash,
        no=no,
    )


def derived_key(
    *,
    company_id: int,
    connection_id: int,
    doc_type: str,
    number: str,
    action: str,
    content_hash: str,
    no: int,
) -> str:
    """Return the idempotency key derived from what is sent; every worker derives an equal key."""
    return _key(company_id, connection_id, doc_type, number, action, content_hash, no)


def request_key(keys: Iterable[str]) -> str:
    """Return the key of one call: the push's own key, or a hash over all keys of a file
    in order.
    """
    listed = tuple(keys)
    return listed[0] if len(listed) == 1 else _key(*listed)


def document_lines(
    document: Document, bills: Bills | None = None
) -> tuple[tuple[str, str, int], ...]:
    """Return (line key, quantity in base units, amount) for each line.

    A document billed in parts uses the keys and quantities of the rules, in the order of its lines.
    Otherwise the key is the SKU with the number of its occurrence.
    """
    if bills:
        amounts = [line.get("LineTotal") or "0" for line in document.lines]
        return tuple(
            (key, quantity, to_minor(Decimal(amount), document.currency))
            for (key, quantity), amount in zip(bills, amounts, strict=False)
        )
    occurrences: Counter[str] = Counter()
    rows = []
    for line in document.lines:
        name = line.get("SKU") or line.get("Description") or ""
        occurrences[name] += 1
        amount = to_minor(Decimal(line.get("LineTotal") or "0"), document.currency)
        rows.append((f"{name}#{occurrences[name]}", line.get("Quantity", "0"), amount))
    return tuple(rows)


class Storyteller:
    """Renders and compresses the traces of evaluations.

    Traces of one rule version are nearly identical. The first is stored as their form (`StoryForm`,
    committed before any push that needs it) and serves as the zlib dictionary of the others.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sources: dict[int, Mapping[str, str]] = {}
        self._forms: dict[int, bytes] = {}

    def forget(self) -> None:
        """Clear the cached forms and files; the database may be another one now."""
        self._sources.clear()
        self._forms.clear()

    def __call__(self, session: Session, evaluation_ids: Collection[int]) -> dict[int, bytes]:
        """Return the compressed traces of evaluations, by replaying what was stored.

        Use a read session: a writing session would wait for the commit of a form.
        """
        return {
            evaluation_id: self._shortened(
                dumps(trace_lines(outcome, self._source(session, version_id))).encode(), version_id
            )
            for evaluation_id, (outcome, version_id) in replay_with_rules(
                session, evaluation_ids
            ).items()
        }

    def _shortened(self, story: bytes, version_id: int) -> bytes:
        if version_id not in self._forms:
            self._forms[version_id] = self._form(version_id, story)
        maker = zlib.compressobj(zdict=self._forms[version_id])
        return maker.compress(story) + maker.flush()

    def _form(self, version_id: int, story: bytes) -> bytes:
        """Return the version's form; store this trace as the form if there is none."""
        values = {"ruleset_version_id": version_id, "body": story[-WINDOW:]}
        with self._database.write() as session:
            body = session.scalar(_FORM, {"version": version_id})
            if body is None:
                bulk.insert_once(session, StoryForm, values)
                body = session.scalar(_FORM, {"version": version_id})
        return bytes(body or b"")

    def _source(self, session: Session, version_id: int) -> Mapping[str, str]:
        if version_id not in self._sources:
            of_version = RuleFile.ruleset_version_id == version_id
            query = select(RuleFile.path, RuleFile.body).where(of_version)
            self._sources[version_id] = {row.path: row.body for row in session.execute(query)}
        return self._sources[version_id]


def stored_trace(session: Session, push: Push) -> str | None:
    """Return the trace stored with a push as JSON text, or None if there is none."""
    if push.trace is None:
        return None
    form = session.scalar(_FORM_OF, {"evaluation": push.evaluation_id})
    reader = zlib.decompressobj(zdict=form) if form else zlib.decompressobj()
    return reader.decompress(push.trace).decode()


_FORM = select(StoryForm.body).where(StoryForm.ruleset_version_id == bindparam("version"))
_FORM_OF = (
    select(StoryForm.body)
    .join(Evaluation, Evaluation.ruleset_version_id == StoryForm.ruleset_version_id)
    .where(Evaluation.id == bindparam("evaluation"))
)


def _key(*parts: object) -> str:
    return f"{KEY_MARK}{sha256_hex(dumps([str(part) for part in parts]))[:KEY_DIGITS]}"
