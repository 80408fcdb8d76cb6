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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "farah", "nurul"])
def test_no_page_takes_a_name_for_markup(name, visit, database, clock):
    reader = visit(name)
    works(database, clock)
    with database.write() as session:
        for table, column in NAMED.items():
            said = {"said": f"{HOSTILE} {table}"}
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
