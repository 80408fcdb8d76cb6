"""The lists of pages handed out as files: beside a page lies its list as .csv, .xlsx and .json.

Here: the routes, each from the route of its page, so that path and permission are the same; the
answer, and the event that says who took what. Not here: which pages have lists (all_lists.py), the
shapes of a file (list_file.py).
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Final

from flask import Flask, Response, current_app, g, request, url_for

from holding.db.refusal import Refusal, plural
from holding.platform.events import record_event
from portal.lists import list_file
from portal.lists.list_file import MEDIA, FileKind, ListFile, TooManyError
from portal.web import filters, fragments, store
from portal.web.permissions import FILE, PART, list_of, page_of

Make = Callable[..., ListFile | Refusal]
"""What a list is for the values of its page's address; or why there is none."""
IN_MEMORY: Final = 1 << 20  # bytes of a file; the rest of a longer one lies on the disk
PIECE: Final = 1 << 16
PLACES: Final = frozenset({"after", "since", "before", "calls", "tab", "row"})
"""Words of an address that say where in a list it stands, and ask for nothing."""
SHOWN: Final = {FileKind.CSV: "CSV", FileKind.XLSX: "Excel", FileKind.JSON: "JSON"}


def init(app: Flask, lists: Mapping[str, Make]) -> None:
    """Lay a file of each ending beside each of these pages, and tell the templates."""
    app.extensions["lists"] = lists
    rules = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules() if rule.methods}
    for name in lists:
        page, _, part = name.partition(PART)
        path = "/".join([rules[page].rstrip("/"), *filter(None, [part])])
        ending = ".<any(csv, xlsx, json):ending>"
        app.add_url_rule(path + ending, name + FILE, download, methods=["GET"])
    app.jinja_env.globals["list_files"] = list_files


def list_files(part: str = "") -> list[tuple[FileKind, str, str]]:
    """Ending, word and address of each file of the list that this page shows, its filter kept; of
    one part of the page, where it has several.
    """
    endpoint = f"{request.endpoint or ''}{PART + part if part else ''}{FILE}"
    if endpoint not in current_app.view_functions:
        return []
    words = {word: texts for word, texts in request.args.lists() if word not in PLACES}
    asked = {word: [text for text in texts if text] for word, texts in words.items()}
    values: dict[str, Any] = {**(request.view_args or {}), **asked, "co": g.company.code}
    return [(kind, word, url_for(endpoint, ending=kind, **values)) for kind, word in SHOWN.items()]


def download(ending: str, **place: Any) -> Response:
    """The file, once it is written down that it was taken."""
    kind, name = FileKind(ending), list_of(request.endpoint or "")
    back = url_for(page_of(name), co=g.company.code, **place)
    make: Make = current_app.extensions["lists"][name]
    store.stream()
    listed = make(**place)
    if isinstance(listed, Refusal):
        return fragments.refuse(listed, back=back)
    out = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer closes it
    about = {"company": g.company.code, "at": filters.iso(g.now)}
    try:
        rows = list_file.write(out, kind, listed, about)
    except TooManyError:
        words = f"More than {list_file.MOST:,} rows match, too many for one file."
        hint = "Narrow the list by its filter, and download the parts one after another."
        return fragments.refuse(Refusal("list.many", words, hint), back=back)
    if request.method != "HEAD":  # which asks what there is, and takes nothing
        _tell(listed, name, kind, rows)
    size = out.tell()
    out.seek(0)
    answer = Response(_pieces(out), content_type=MEDIA[kind])
    answer.call_on_close(out.close)
    answer.content_length = size
    called = re.sub(r"[^\w.-]+", "-", f"{listed.word}-{g.company.code}")
    answer.headers["Content-Disposition"] = f'attachment; filename="{called}.{kind}"'
    return answer


def _tell(listed: ListFile, name: str, kind: FileKind, rows: int) -> None:
    said = f"{g.actor.name} downloaded {plural(rows, 'row')} of {listed.title} as {SHOWN[kind]}."
    body = {
        "say": f"{said} Filter: {listed.filter_line}.",
        "list": name,
        "filter": dict(listed.filter),
        "typed": sorted({listed.filter[word] for word in listed.typed & listed.filter.keys()}),
        "rows": rows,
        "format": kind.value,
    }
    with store.writing() as session:
        record_event(
            session,
            company_id=g.company.id,
            at=g.now,
            actor=g.actor,
            act="list.downloaded",
            record_id=listed.record_id,
            body=body,
        )


def _pieces(out: IO[bytes]) -> Iterator[bytes]:
    while piece := out.read(PIECE):
        yield piece
