"""The reference page of every source is current, and its example is what the portal takes."""

import json
import re
import runpy
from pathlib import Path

import pytest
from sqlalchemy import text

from connectors import registry
from connectors.kit.preflight import meaning_of
from holding.connections import connections
from holding.db.models import Connection

pytestmark = pytest.mark.sqlite
ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "sources"
MADE = runpy.run_path(str(ROOT / "tools" / "source_pages.py"))
SOURCES = registry.sources()
HOOKS = sorted(name for name, source in SOURCES.items() if source.headers)
HINTS = {"lazada", "shopee"}
"""Their webhooks say only that something changed; the records come by asking."""


def page(name):
    return (FOLDER / f"{name}.md").read_text("utf-8")


def test_every_source_has_its_page_and_each_is_current():
    there = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
    assert there == MADE["pages"](), "run: python tools/source_pages.py"


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_field_says_what_it_means_and_every_kind_has_a_record(name):
    silent = [
        f"{kind.kind}.{field.name}"
        for kind in SOURCES[name].kinds
        for of_line, fields in ((False, kind.fields), (True, kind.lines))
        for field in fields
        if not meaning_of(field, of_line=of_line)
    ]
    assert silent == []
    shown = [json.loads(one) for one in re.findall(r"```json\n(.*?)\n```", page(name), re.S)]
    assert len(shown) == len(SOURCES[name].kinds)
    for kind, record in zip(SOURCES[name].kinds, shown, strict=True):
        assert record.keys() <= {field.name for field in kind.fields} | {"lines"}


@pytest.fixture
def connected(app, database, clock, monkeypatch):
    """The seeded source, as a connection of this connector whose secret is that of the pages."""
    clock.set(MADE["SIGNED_AT"])
    monkeypatch.setattr(connections, "secrets_of", lambda *_: [MADE["SECRET"]])

    def connect(name):
        with database.write() as session:
            for row in session.query(Connection).filter_by(name="netshop"):
                row.name = row.connector = name
                row.settings = {**row.settings, **MADE["SETTINGS"].get(name, {})}
        return app.test_client()

    return connect


@pytest.mark.parametrize("name", HOOKS)
def test_the_request_of_the_page_is_taken_as_it_stands_there(connected, database, name):
    client = connected(name)
    [told] = re.findall(r"```http\n(.*?)\n```", page(name), re.S)
    head, _, body = told.partition("\n\n")
    first, *lines = head.splitlines()
    assert first == f"POST /hooks/kedai/{name}"
    headers = dict(line.split(": ", 1) for line in lines)

    def send(content):
        return client.post(first[5:], data=content, headers=headers, base_url=MADE["BASE"])

    answer = send(body.encode())
    assert answer.status_code == 202, answer.get_data()
    assert (answer.get_json()["new_records"] >= 1) == (name not in HINTS)
    assert send(body.encode() + b" ").status_code == 401
    if name in HINTS:
        return
    with database.read() as session:
        found = session.execute(text("SELECT body FROM version ORDER BY id DESC LIMIT 9")).scalars()
        kept = [json.loads(one) for one in found]
    assert json.loads(re.findall(r"```json\n(.*?)\n```", page(name), re.S)[0]) in kept


def test_a_delivery_that_needs_nothing_has_no_bare_none_on_a_small_screen(connected, visit):
    """There the table is cards without its heads: the word would stand beside nothing."""
    [told] = re.findall(r"```http\n(.*?)\n```", page("netshop"), re.S)
    head, _, body = told.partition("\n\n")
    first, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    client = connected("netshop")
    for content, status in ((body, 202), (f"{body} ", 401)):
        sent = client.post(first[5:], data=content, headers=headers, base_url=MADE["BASE"])
        assert sent.status_code == status
    shown = visit("adam").text("/c/kedai/connections/netshop")
    cells = re.findall(r'<td role="cell" class="wrap( not-narrow)?">([^<]*)</td>', shown)
    steps = [(small, said) for small, said in cells if said == "None" or small]
    assert steps
    assert set(steps) == {(" not-narrow", "None")}
