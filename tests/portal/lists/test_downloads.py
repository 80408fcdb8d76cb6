"""Every list of a page is a file as well: same filter, same rows in each shape, and an event."""

import html
import re
import tracemalloc

import pytest

from holding.mappings import party_merge
from holding.mappings.party_merge import Owed
from portal.lists.downloads import LISTS
from portal.web import list_file
from portal.web.list_file import FileKind, ListFile, Table
from portal.web.permissions import FILE, page_of, permission_of
from tests.portal.listing import read_csv, read_json, read_xlsx, sheets_of
from tests.portal.operations.test_audit_log import shown
from tests.portal.reading import one, plain
from tests.portal.web.test_security import VALUES

pytestmark = pytest.mark.sqlite
ONE = "shows one thing; what belongs to it is in a list of its own"
FORM = "a form, or what a form has done"
ITSELF = "is a file itself, or a part of a page"
WITHOUT = {
    "signin.companies": "goes over several companies: each has its own lists and audit log",
    "rulebook.show": "a book to read, with a file of its own (book.md)",
    "uploads.show": "the person's own file, which goes back with its errors marked (errors.xlsx)",
    "mappings.moved": "a journal to enter, whose workbook has two sheets (reclassification.xlsx)",
    "mappings.workbook": "is fetched as a workbook, changed, and given back",
    "mappings.fill_in_all": "fills in the list of mappings.missing, which has its own files",
    **dict.fromkeys(
        (
            *("holding.show", "connections.show", "people.show", "changes.show"),
            *("changes.version", "evidence.show", "escalations.packet", "importfiles.show"),
            *(
                "approvals.listing",
                "mappings.entry",
                "mappings.merge",
                "trials.replay",
                "editor.show",
                "me.show",
            ),
            *("rulebook.file", "escalations.show", "evidence.event"),
        ),
        ONE,
    ),
    **dict.fromkeys(
        (
            *(
                "signin.form",
                "signin.home",
                "setup.first",
                "another.form",
                "join.form",
                "oidc.start",
                "oidc.back",
                "people.invitation",
            ),
            *(
                "holding.consider",
                "desk.consider",
                "desk.done",
                "desk.step",
                "find.step",
                "runs.step",
            ),
            "mappings.preview",
            *("newconn.choose", "connsettings.show", "connauth.back"),
            *("connections.consider", "onboarding.choose_rules"),
            *("onboarding.cutover", "onboarding.consider", "help.index", "help.support"),
            *("help.show", "views.listing", "approvals.listing", "asking.form"),
            *("secondstep.form", "secondstep.setup", "factor.show"),
        ),
        FORM,
    ),
    **dict.fromkeys(
        (
            *("static", "health.healthz", "health.worker", "metrics.show", "records.request_body"),
            *("mappings.values", "mappings.workbook_file", "mappings.sheet", "failures.of_run"),
            *("failures.of_connection", "escalations.download", "rulebook.download"),
            *("rulebook.proposed_draft", "uploads.file", "uploads.errors"),
            *("api.listing", "api.records", "api.described", "staying.ask"),
        ),
        ITSELF,
    ),
}
"""Page -> why its list is no file."""

LINK = re.compile(r'href="([^"]+)" download><span class="vh">Download as </span>(\w+)')
ABSENT = {"approvals.show", "backtests.show", "backtests.records", "trials.differences",
          "mappings.list_changes", "runs.show", "onboarding.consider_dry_run"}  # fmt: skip
"""Lists of what the seeded company has none of; tests of their own pages make some."""
AGES = ({}, {}, {}, {})
ASKED = {
    "find.find": {"q": "SO-1024"},
    "audit.listing": {"what": "records"},
    "records.show#trace": {"tab": "trace", "who": "source"},  # taking it is a step, too
    "records.show#lineage": {"tab": "lineage"},
}


def address(app, page):
    with app.test_request_context():
        rule = next(rule for rule in app.url_map.iter_rules(page_of(page)))
        values = {name: VALUES[name] for name in rule.arguments} | ASKED.get(page, {})
        return app.url_for(page_of(page), **values)


def files(page):
    return {word: html.unescape(address) for address, word in LINK.findall(page)}


def test_every_page_has_its_list_as_a_file_or_a_reason_why_not(app):
    pages = {page_of(rule.endpoint) for rule in app.url_map.iter_rules() if "GET" in rule.methods}
    listed, without = {page_of(name) for name in LISTS}, set(WITHOUT)
    assert pages == listed | without
    assert not listed & without
    for page in LISTS:
        assert page + FILE in app.view_functions
        assert permission_of(app, page + FILE) == permission_of(app, page_of(page))


@pytest.mark.parametrize("page", sorted(set(LISTS) - ABSENT))
def test_a_list_has_three_files_of_the_same_rows_which_its_page_links(app, visit, database, page):
    person = visit("adam")
    url = address(app, page)
    linked = files(person.text(url))
    assert set(linked) == {"CSV", "Excel", "JSON"}
    before = one(database, "SELECT count(*) FROM event WHERE act = 'list.downloaded'")
    of_csv = read_csv(person.get(linked["CSV"]).data)
    of_xlsx = read_xlsx(person.get(linked["Excel"]).data)
    told = read_json(person.get(linked["JSON"]).data)
    rows = told.get("rows", next(each for name, each in told.items() if name != "meta"))
    assert of_csv == of_xlsx
    assert [list(row.values()) for row in of_csv.rows] == [
        ["" if cell is None else str(cell) for cell in row.values()] for row in rows
    ]
    assert told["meta"]["company"] == "kedai"
    after = one(database, "SELECT count(*) FROM event WHERE act = 'list.downloaded'")
    assert after == before + 3


@pytest.mark.parametrize(
    ("page", "least"),
    [
        ("holding?view=all", 5),
        ("holding?view=uncertain", 0),
        ("holding?view=cleared", 0),
        ("holding?view=ignored", 1),
        ("holding?view=accepted", 0),
        ("holding?view=mine", 0),
        ("holding/inbox", 1),
        ("holding/ageing", 1),
        ("mappings/missing", 1),
        ("mappings/item", 1),
        ("connections", 2),
        ("people/", 3),
        ("operations", 1),
    ],
)
def test_lists_of_the_seeded_company_have_rows(visit, page, least):
    linked = files(visit("farah").text(f"/c/kedai/{page}"))
    assert len(read_csv(visit("farah").get(linked["CSV"]).data).rows) >= least


def test_the_filter_of_the_page_is_that_of_the_file_and_stands_in_it(visit):
    farah = visit("farah")
    every = read_csv(farah.get("/c/kedai/holding.csv?view=all").data)
    page = farah.text("/c/kedai/holding?view=all&class=mapping_missing&after=9:9")
    asked = read_csv(farah.get(files(page)["CSV"]).data)
    assert 0 < len(asked.rows) < len(every.rows)
    assert asked.filter == "view: All, class: mapping_missing"
    assert {row["Class"] for row in asked.rows} == {"Mapping missing"}
    told = read_json(farah.get(files(page)["JSON"]).data)
    assert told["meta"]["filter"] == {"view": "All", "class": "mapping_missing"}
    assert read_csv(farah.get("/c/kedai/connections.csv").data).filter == list_file.NO_FILTER


def test_a_group_chosen_by_htmx_brings_the_links_of_its_filter(visit):
    part = visit("farah").text("/c/kedai/holding?class=duplicate", target="holding")
    assert "class=duplicate" in files(part)["CSV"]


def test_the_audit_log_says_who_took_which_list(visit, database):
    visit("farah").get("/c/kedai/pushes.xlsx?q=Ace&state=accepted")
    nurul, adam = visit("nurul"), visit("adam")
    log = plain(nurul.text("/c/kedai/audit?what=evidence"))
    said = "of the posting log as Excel. Filter: search: Ace, answer: accepted."
    assert re.search(rf"Farah[\w ]* downloaded \d+ rows? {re.escape(said)}", log)
    assert said in plain(adam.text("/c/kedai/audit?what=evidence")), "he sees names everywhere"
    body = one(database, "SELECT body FROM event WHERE act = 'list.downloaded' ORDER BY id LIMIT 1")
    for part in ('"list": "runs.pushes"', '"format": "xlsx"', '"rows": '):
        assert part.replace(" ", "") in body.replace(" ", "")


def test_who_only_asks_what_there_is_takes_nothing(visit, database):
    farah = visit("farah")
    for ending in FileKind:
        asked = farah.client.head(f"/c/kedai/holding.{ending}")
        assert asked.status_code == 200
        assert int(asked.headers["Content-Length"]) > 0
    assert one(database, "SELECT count(*) FROM event WHERE act = 'list.downloaded'") == 0
    farah.get("/c/kedai/holding.csv")
    assert one(database, "SELECT count(*) FROM event WHERE act = 'list.downloaded'") == 1


def test_the_workbook_of_the_holding_area_has_records_causes_and_the_filter(visit, database):
    farah = visit("farah")
    raw = farah.get("/c/kedai/holding.xlsx?class=mapping_missing&class=missing_field").data
    assert sheets_of(raw) == ["Records", "Causes", "Filter"]
    records, causes, asked = (read_xlsx(raw, sheet) for sheet in range(3))
    assert {row["Class"] for row in records.rows} == {row["Class"] for row in causes.rows}
    held = {(row["Cause"], row["Record"]) for row in records.rows}
    counted = {row["Cause"]: int(row["Records"]) for row in causes.rows}
    assert len(counted) > 1
    for cause, count in counted.items():
        assert count == sum(named in cause or cause in named for named, _ in held), (cause, held)
    rows = {row["Filter"]: row["Value"] for row in asked.rows}
    assert rows["class"] == "mapping_missing, missing_field"
    assert rows["view"] == "All open"
    assert "as of" in rows
    assert sheets_of(farah.get("/c/kedai/holding.xlsx?view=cleared").data) == ["Cleared"]
    before = "SELECT body FROM event WHERE act = 'list.downloaded' ORDER BY id LIMIT 1"
    assert f'"rows": {len(records.rows)}'.replace(" ", "") in one(database, before).replace(" ", "")


def test_the_log_and_its_files_are_open_to_the_same_people(visit):
    for name in ("nurul", "adam", "farah"):
        person = visit(name)
        events = shown(person.text("/c/kedai/audit"))
        listed = read_csv(person.get("/c/kedai/audit.csv").data).rows
        assert [row["Event"] for row in listed][: len(events)] == events


def test_personal_values_stay_hidden_in_files(visit):
    for page in ("holding", "holding/inbox", "find"):
        url = f"/c/kedai/{page}.csv?view=all&q=SO-102"
        rows = read_csv(visit("vera").get(url).data).rows
        assert rows
        assert {row["Customer"] for row in rows} <= {"•••", "not recorded"}
        assert {row["Customer"] for row in read_csv(visit("farah").get(url).data).rows} - {"•••"}


def test_who_may_not_approve_is_told_so_in_the_file_as_on_the_page(visit):
    said = {}
    for name in ("vera", "lim"):
        person = visit(name)
        rows = read_csv(person.get("/c/kedai/holding/inbox.csv").data).rows
        said[name] = {row["You may decide"] for row in rows}
        if name == "vera":
            [told] = said[name]
            assert told.removeprefix("no: ") in plain(person.text("/c/kedai/holding/inbox"))
    assert all(told.startswith("no: You cannot approve") for told in said["vera"])
    assert "yes" in said["lim"]


def test_more_rows_than_a_file_holds_are_refused_and_none_is_cut(visit, database, monkeypatch):
    monkeypatch.setattr(list_file, "MOST", 1)
    for ending in FileKind:
        refused = visit("farah").text(f"/c/kedai/pushes.{ending}", status=409)
        assert "More than 1 rows match, too many for one file." in plain(refused)
    assert one(database, "SELECT count(*) FROM event WHERE act = 'list.downloaded'") == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(FileKind))
def test_a_hundred_thousand_rows_do_not_fill_the_memory(kind, tmp_path):
    rows = (["=1+1", number, f"text of row {number}" * 5] for number in range(100_000))
    listed = ListFile("a list", "list", [Table("Rows", ("A", "B", "C"), rows)])
    with (tmp_path / "list").open("w+b") as out:
        tracemalloc.start()
        count = list_file.write_list(out, kind, listed, {})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 4 << 20


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(sign, tmp_path):
    path = tmp_path / "list"
    for kind in (FileKind.CSV, FileKind.XLSX):
        listed = ListFile("a list", "list", [Table("Rows", ("A",), [[f"{sign}1+1"]])])
        with path.open("wb") as out:
            list_file.write_list(out, kind, listed, {})
        read = read_csv if kind is FileKind.CSV else read_xlsx
        cell = read(path.read_bytes()).rows[0]["A"]
        assert cell == (f"'{sign}1+1" if kind is FileKind.CSV else f"{sign}1+1")


def test_a_file_of_parties_names_them_to_whom_its_page_does(visit, monkeypatch):
    merge = party_merge.Merge(
        hold_id=1, number="SO-10240", rule="duplicate_party", message="One number, two debtors.",
        keep="Aisyah Rahman", gone="Boon & Co", why=(), keys=(),
        rows=(Owed("Aisyah Rahman", AGES), Owed("Boon & Co", AGES), Owed("", AGES)),
    )  # fmt: skip
    monkeypatch.setattr(party_merge, "merge_proposals", lambda *_: (merge,))
    for name, told in (("farah", ["Aisyah Rahman", "Boon & Co"]), ("vera", ["•••", "•••"])):
        linked = files(visit(name).text("/c/kedai/mappings/parties"))
        got = [visit(name).get(linked[kind]).data for kind in ("CSV", "Excel", "JSON")]
        shapes = (read_csv(got[0]).rows, read_xlsx(got[1]).rows, read_json(got[2])["rows"])
        for (row,) in shapes:
            cells = list(row.values())
            assert ("SO-10240" in cells, [cell for cell in cells if cell in told]) == (True, told)
