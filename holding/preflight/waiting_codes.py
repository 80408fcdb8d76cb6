"""Customers, suppliers and items that waiting documents name, beside the lists of a target.

Here: what such a list says against a code: it has one that people take for this, or it has it as
switched off. Not here: the lists (holding/code_lists), the other things that are wrong with a
document (waiting_documents.py). A list from a file may be older than what was added since: what it
has nothing near to is not told of, and nothing is held by it.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.contract.schema import DocumentSchema
from holding.db import bulk
from holding.db.models import Connection, Posting
from holding.db.models.columns import ListKind, is_word
from holding.db.together import answer
from holding.mappings import file_codes
from holding.mappings.file_codes import FileList, Identity
from rules.outcomes.outcome import Document
from rules.values.near_spellings import NearSpellings, in_what
from rules.values.posting_states import PostingState

NEARLY: Final = "master_data.nearly"
SWITCHED_OFF: Final = "master_data.inactive"
_KINDS: Final = {
    ListKind.CUSTOMER: "Customer",
    ListKind.VENDOR: "Supplier",
    ListKind.ITEM: "Item",
}
_AT_ONCE: Final = 200  # codes that a list is asked for by one query


class WaitingCodes:
    """The codes that the documents of one target name, each with the numbers of those documents."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self._session, self._connection = session, connection
        wanted = {(connection.id, kind) for kind in _KINDS}
        self._lists = {one.kind: one for one in answer(session, file_codes.file_lists(wanted))}
        self._named: defaultdict[tuple[ListKind, str], list[str]] = defaultdict(list)

    def note(self, schema: DocumentSchema, document: Document) -> None:
        """Keep what a document names, where there is a list of it."""
        for fields, values in ((schema.header, [document.fields]), (schema.lines, document.lines)):
            for field in fields:
                kind = next((one for one in self._lists if one == field.refers), None)
                codes = {one.get(field.name, "") for one in values} - {""} if kind else ()
                for code in codes:
                    if kind is not None:
                        self._named[kind, code].append(document.number)

    def wrong(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        """(number, (code, what is wrong, what to do)) of each document."""
        for kind, one in self._lists.items():
            codes = sorted(code for of, code in self._named if of == kind)
            for at in range(0, len(codes), _AT_ONCE):
                for code, said in self._told(one, codes[at : at + _AT_ONCE]):
                    yield from ((number, said) for number in self._named[kind, code])

    def _told(self, one: FileList, codes: list[str]) -> Iterator[tuple[str, tuple[str, str, str]]]:
        there = file_codes.listed(self._session, one, codes)
        t_kind, as_of, name = _KINDS[one.kind], one.as_of, one.name
        for code, entry in there.items():
            if not entry.active:
                said = f"{t_kind} “{code}” is switched off in the list of {as_of} ({name})."
                yield code, (SWITCHED_OFF, said, "Switch it on there, or map another.")
        strange = sorted({*codes} - there.keys() - self._posted(one, codes))
        asked = [Identity(key=code, name=code) for code in strange]
        found = answer(self._session, file_codes.fitting(one, asked)) if asked else ()
        near = NearSpellings([] if one.by_id else [entry.code for entry in found])
        for code in strange:
            for known in near.near(code)[:1]:
                t_how = in_what(code, known)
                said = (
                    f"{t_kind} “{code}” is not in the list of {as_of} ({name}), and “{known}” is:"
                    f" {t_how}."
                )
                yield code, (NEARLY, said, "Map the one that is meant, or add this one there.")

    def _posted(self, one: FileList, codes: list[str]) -> set[str]:
        """Parties with which something was posted there: it has them."""
        if one.kind is ListKind.ITEM:
            return set()
        company = self._connection.company_id
        given = {"company": company, "connection": one.connection_id, "codes": codes}
        return set(self._session.scalars(_POSTED_WITH, given))


_POSTED_WITH = (
    select(Posting.party)
    .where(Posting.company_id == bindparam("company"))
    .where(Posting.connection_id == bindparam("connection"))
    .where(is_word(Posting.state, PostingState.POSTED))
    .where(bulk.among_given(Posting.party, "codes"))
    .distinct()
)
