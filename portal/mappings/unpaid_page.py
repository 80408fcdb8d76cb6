"""What is unpaid in an accounting system, as its list has it: invoices and bills, by letters.

Here: the view, and which list it shows. Not here: where lists come from (list_pages.py), the list
(holding/code_lists).
"""

from collections.abc import Sequence
from typing import Final

from flask import Response, g, request

from holding.mappings import file_codes as unpaid_documents
from holding.mappings import list_storage
from holding.mappings.file_codes import FileList, Unpaid
from portal.mappings.mapping_pages import pages, tabs
from portal.web import filters, forms, fragments, store

SHOWN: Final = 200
LONGEST: Final = 100


@pages.get("/lists/unpaid")
def unpaid() -> Response:
    """The first of a list, or those with the letters that were typed."""
    session = store.reading()
    lists = unpaid_documents.unpaid_lists(session, g.company.id)
    one, text = chosen(lists), letters()
    found = rows_of(one, SHOWN + 1) if one else ()
    known = unpaid_documents.standing(session, one.connection_id, one.kind) if one else None
    return fragments.respond(
        "mappings/unpaid.html",
        tabs(),
        lists=lists,
        chosen=one,
        listed=known,
        rows=found[:SHOWN],
        more=len(found) > SHOWN,
        in_all=_in_all(one) if one and not found else 0,
        most=SHOWN,
        text=text,
        named=filters.sees_personal(),
    )


def _in_all(one: FileList) -> int:
    """How many the list has, whatever was typed, at most one more than are shown."""
    session = store.reading()
    return len(unpaid_documents.search(session, one, "", SHOWN + 1, names=False))


def chosen(lists: Sequence[FileList]) -> FileList | None:
    """The list that is asked for, or else the first."""
    key, kind = forms.whole(request.args.get("of", "")), request.args.get("kind", "")
    asked = (one for one in lists if (one.connection_id, one.kind) == (key, kind))
    return next(asked, lists[0] if lists else None)


def rows_of(one: FileList, most: int) -> tuple[Unpaid, ...]:
    """Those with the letters that were typed; by names they are found for who may see names."""
    names = filters.sees_personal()
    return unpaid_documents.search(store.reading(), one, letters(), most, names=names)


def letters() -> str:
    """What was typed."""
    return request.args.get("q", "").strip()[:LONGEST]


def title(one: FileList) -> str:
    """What a list is called."""
    return f"{one.target}, {list_storage.NAMED[one.kind]}s"
