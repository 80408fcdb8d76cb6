"""The timeline and the field mapping of a record, and the causes of the dashboard, as files."""

import pytest

from tests.portal.listing import read_csv, read_json, read_xlsx
from tests.portal.reading import ONE, R, one, plain
from tests.portal.seed import SCRIPT

pytestmark = pytest.mark.sqlite
NAMED = f"{R}/SO-10210"  # its customer has a name


def test_the_timeline_has_each_step_of_its_tab(visit):
    farah = visit("farah")
    page = farah.text(f"{ONE}?tab=trace")
    found = read_csv(farah.get(f"{ONE}/trace.csv").data)
    assert found.filter == "record: SO-10240"
    assert len(found.rows) == page.count('<span class="proof muted">') > 3
    times = [row["When"] for row in found.rows]
    assert times == sorted(times)
    for row in found.rows:
        assert row["What happened"] in plain(page)
    assert found.rows[0]["Seconds since the step before"] == ""
    assert {row["Who"] for row in found.rows} >= {"NetShop", "Rules"}  # no words of ours
    of_rules = read_csv(farah.get(f"{ONE}/trace.csv?who=rules").data)  # as the tab asks
    assert of_rules.filter == "record: SO-10240, person: Rules"
    assert of_rules.rows == [row for row in found.rows if row["Who"] == "Rules"]
    actor = found.rows[0]["Who"]
    of_one = read_csv(farah.get(f"{ONE}/trace.csv?who={actor}").data)
    assert of_one.filter == f"record: SO-10240, person: {actor}"
    assert of_one.rows == [row for row in found.rows if row["Who"] == actor]


def test_the_field_mapping_has_each_value_of_its_tab(visit):
    farah = visit("farah")
    farah.post("/me/lines", {"on": "1", "next": ONE}, status=303)
    page = farah.text(f"{ONE}?tab=lineage")
    found = read_xlsx(farah.get(f"{ONE}/lineage.xlsx").data)
    assert len(found.rows) == page.count('id="lin_') > 3
    assert found.filter.startswith("record: SO-10240, document: ")
    for row in found.rows:
        assert f"{row['Rule file']}:{row['Rule line']}" in page
        assert row["Planned value"] == "" or row["Planned value"] in plain(page)
    only = read_xlsx(farah.get(f"{ONE}/lineage.xlsx?only=differences").data)
    assert only.filter.endswith(", only: differences")
    assert all(row["Sent as planned"] == "no" for row in only.rows)


def test_what_is_personal_is_hidden_in_both_as_on_the_page(visit):
    vera, farah = visit("vera"), visit("farah")
    for name in ("trace.json", "lineage.json"):
        seen, hidden = (person.get(f"{NAMED}/{name}").text for person in (farah, vera))
        assert SCRIPT not in hidden
        told = [read_json(text.encode())["rows"] for text in (seen, hidden)]
        before = [row for row in told[1] if "downloaded" not in row.get("what_happened", "")]
        assert len(told[0]) == len(before)
    values = read_json(vera.get(f"{NAMED}/lineage.json").data)["rows"]
    personal = [row for row in values if row["field"] == "Customer"]
    assert {row["source_value"] for row in personal} <= {"•••"}
    shown = read_json(farah.get(f"{NAMED}/lineage.json").data)["rows"]
    assert {row["planned_value"] for row in shown if row["field"] == "Customer"} != {"•••"}


def test_taking_a_part_of_a_record_is_told_in_the_audit_log(visit, database):
    visit("farah").get(f"{ONE}/trace.csv")
    body = one(database, "SELECT body FROM event WHERE act = 'list.downloaded'")
    assert "downloaded" in body
    assert "of the timeline of a record as CSV. Filter: record: SO-10240." in body
    for place in (f"{ONE}?tab=trace", "/c/kedai/audit?on=SO-10240"):
        assert "of the timeline of a record as CSV" in plain(visit("nurul").text(place))
    assert visit("farah").get(f"{R}/SO-0/trace.csv", status=404)
    assert visit().client.get(f"{ONE}/trace.csv").status_code == 303


def test_the_dashboard_has_a_row_a_cause(visit, database):
    farah = visit("farah")
    found = read_csv(farah.get("/c/kedai/dashboard.csv").data)
    causes = [row["Cause"] for row in found.rows]
    assert len(causes) == len(set(causes)) > 1
    amounts = [float(row["Amount"]) for row in found.rows]
    assert amounts == sorted(amounts, reverse=True)
    sheet = read_xlsx(farah.get("/c/kedai/holding.xlsx").data, 1)
    assert {row["Cause"] for row in sheet.rows} == set(causes)
    told = read_json(farah.get("/c/kedai/dashboard.json").data)
    assert [row["cause"] for row in told["rows"]] == causes
