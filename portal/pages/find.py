"""Finding by number or name.

Here: one view; an exact number goes straight to its record. Not here: the search itself
(holding/queries/find.py).
"""

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from holding.queries import accepted
from holding.queries import find as queries
from portal import fragments, store

pages = Blueprint("find", __name__, url_prefix="/c/<co>/find")


@pages.get("")
def find() -> AnyResponse:
    """What has this number or name."""
    text = request.args.get("q", "").strip()[:100]
    rows = queries.exact(store.reading(), g.company.id, text) if text else ()
    if len(rows) == 1 and not fragments.wants_fragment():
        return redirect(_url(rows[0]), 303)
    if text and not rows:
        rows = queries.alike(store.reading(), g.company.id, text)
    return _page(text, rows)


def _page(text: str, rows: tuple[queries.Found, ...]) -> Response:
    digits = text.translate(str.maketrans("OoIl", "0011"))
    marks = accepted.marks(store.reading(), g.company.id, [row.id for row in rows])
    other = digits if digits != text else ""
    return fragments.respond("find/list.html", text=text, rows=rows, marks=marks, other=other)


def _url(row: queries.Found) -> str:
    return url_for(
        "records.show",
        co=g.company.code,
        source=row.source,
        kind=row.kind,
        external_id=row.external_id,
    )
