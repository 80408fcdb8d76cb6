"""One form that maps all missing values: all or none, blank fields stay missing."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from holding.db.database import Database
from holding.db.refusal import Refusal
from holding.mappings import fixes
from portal.mappings import fill_in_pages
from tests.portal.reading import cause, one, plain

pytestmark = pytest.mark.sqlite
FILL = "/c/kedai/mappings/missing/all"
ENTRIES = "SELECT count(*) FROM mapping_entry"


def form_of(page: str) -> dict[str, Any]:
    """Return the fields of the form as a browser sends them."""
    form = page[page.index('id="fillin"') :]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    fields: dict[str, Any] = {name: text for name, text in hidden if name != "csrf_token"}
    fields["cause"] = [text for name, text in hidden if name == "cause"]
    for name, value in re.findall(r'<input class="in" id="(value_\d+)"[^>]* value="([^"]*)"', form):
        fields[name] = value
    return fields


@pytest.fixture
def causes(database: Database) -> dict[str, str]:
    """Return the value field of an item and of a unit without an entry."""
    item, unit = cause(database, "mapping:item:%"), cause(database, "unit:%")
    return {"item": f"value_{item}", "unit": f"value_{unit}"}


def test_all_values_are_saved_by_one_form(
    visit: Callable[..., Any], database: Database, causes: dict[str, str]
) -> None:
    farah, before = visit("farah"), one(database, ENTRIES)
    form = form_of(farah.text(FILL))
    assert len(form["cause"]) > 2
    filled = {**form, causes["item"]: "AB-100", causes["unit"]: "12 PCS", "reason": "as counted"}
    answer = farah.post(FILL, filled, status=303)
    assert answer.location.endswith("/mappings/missing")
    assert "2 mappings saved." in plain(farah.text(answer.location))
    assert one(database, ENTRIES) == before + 2
    assert one(database, "SELECT value FROM mapping_entry WHERE key = 'AB-100 '") == "AB-100"
    farah.post(FILL, filled, status=303)  # the same form again
    assert one(database, ENTRIES) == before + 2


def test_one_wrong_value_saves_none_and_is_named_at_its_field(
    visit: Callable[..., Any], database: Database, causes: dict[str, str]
) -> None:
    farah, before = visit("farah"), one(database, ENTRIES)
    filled = {**form_of(farah.text(FILL)), causes["item"]: "AB-100", causes["unit"]: "12"}
    page = farah.post(FILL, {**filled, "reason": "as counted"}, status=422).get_data(as_text=True)
    assert f'id="{causes["unit"]}_err"' in page
    assert f'id="{causes["item"]}_err"' not in page
    assert "“12” is not a conversion." in plain(page)
    assert 'value="AB-100"' in page, "what was entered stays"
    assert one(database, ENTRIES) == before


def test_a_preview_says_what_saving_would_do_and_saves_nothing(
    visit: Callable[..., Any], database: Database, causes: dict[str, str]
) -> None:
    farah, before = visit("farah"), one(database, ENTRIES)
    filled = {**form_of(farah.text(FILL)), causes["item"]: "TEA-1", "reason": "as counted"}
    for where in ({"target": "fillpreview"}, {}):
        page = farah.post(f"{FILL}/preview", filled, status=200, **where)
        told = plain(page.get_data(as_text=True))
        assert "4 records · RM 776.00" in told
        assert "3 records become ready RM 576.00" in told
        assert "1 stays on hold: adds_up" in told
    assert 'value="TEA-1"' in page.get_data(as_text=True), "what was entered stays"
    assert one(database, ENTRIES) == before


@pytest.mark.parametrize(
    ("value", "since", "field"),
    [("12", "", "unit"), ("", "", "values"), ("12 PCS", "soon", "since")],
)
def test_a_preview_of_a_wrong_form_names_the_field(
    visit: Callable[..., Any], causes: dict[str, str], value: str, since: str, field: str
) -> None:
    farah = visit("farah")
    filled = {**form_of(farah.text(FILL)), causes["unit"]: value, "since": since}
    answer = farah.post(f"{FILL}/preview", filled, target="fillpreview", status=422)
    assert answer.headers["HX-Retarget"] == "#fillin"
    assert f'id="{causes.get(field, field)}_err"' in answer.get_data(as_text=True)


@pytest.mark.parametrize(("since", "stored"), [("2026-11-01", "2026-11-01"), ("", "0001-01-01")])
def test_the_mappings_count_from_the_entered_day(
    visit: Callable[..., Any],
    database: Database,
    causes: dict[str, str],
    since: str,
    stored: str,
) -> None:
    farah = visit("farah")
    form = {**form_of(farah.text(FILL)), causes["item"]: "TEA-1", "reason": "as counted"}
    answer = farah.post(FILL, {**form, "since": since}, status=303)
    first_day = f", counting from {since}" if since else ""
    assert f"1 mapping saved{first_day}." in plain(farah.text(answer.location))
    day = "SELECT valid_from FROM mapping_entry WHERE key = 'AB-100 '"
    assert str(one(database, day)) == stored


@pytest.mark.parametrize("since", ["soon", "1999-12-31"])
def test_a_day_from_which_nothing_can_count_is_refused_at_its_field(
    visit: Callable[..., Any], database: Database, causes: dict[str, str], since: str
) -> None:
    farah, before = visit("farah"), one(database, ENTRIES)
    form = {**form_of(farah.text(FILL)), causes["item"]: "TEA-1", "reason": "as counted"}
    page = farah.post(FILL, {**form, "since": since}, status=422).get_data(as_text=True)
    assert 'id="since_err"' in page
    assert f'value="{since}"' in page
    assert one(database, ENTRIES) == before


def test_more_values_than_one_form_has_follow_on_the_next(
    visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    everything = form_of(visit("farah").text(FILL))["cause"]
    assert len(everything) == 3
    monkeypatch.setattr(fill_in_pages, "AT_ONCE", 2)
    farah = visit("farah")
    page = farah.text(FILL)
    assert "3 values are missing; one form has 2. Saving leads to the next ones" in plain(page)
    form = form_of(page)
    assert form["cause"] == everything[:2]
    value = f"value_{everything[0]}"
    answer = farah.post(FILL, {**form, value: "TEA-1", "reason": "as counted"}, status=303)
    page = farah.text(answer.location)
    assert "1 mapping saved." in plain(page)
    assert "These are the last values." in plain(page)
    assert form_of(page)["cause"] == everything[2:]
    assert f'href="{FILL}"' in page, "back to the first"
    beyond = form_of(farah.text(f"{FILL}?after=0:{10**9}"))
    assert beyond["cause"], "an empty rest leads to the first"


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [("AB-100", "", "reason"), ("", "as counted", "No value was entered.")],
)
def test_a_form_without_a_reason_or_a_value_is_refused(
    visit: Callable[..., Any],
    database: Database,
    causes: dict[str, str],
    value: str,
    reason: str,
    words: str,
) -> None:
    farah, before = visit("farah"), one(database, ENTRIES)
    filled = {**form_of(farah.text(FILL)), causes["item"]: value, "reason": reason}
    page = farah.post(FILL, filled, status=422)
    assert words in plain(page.get_data(as_text=True))
    assert one(database, ENTRIES) == before


def test_a_viewer_sees_why_they_cannot_save_and_no_customer(visit: Callable[..., Any]) -> None:
    page = visit("vera").text(FILL)
    assert 'aria-describedby="saveall_why"' in page
    visit("vera").post(FILL, {"reason": "because"}, status=403)
    names = re.findall(r'class="under small">([^<]*)<', page)
    assert "•••" in names, "a customer"
    shown = re.findall(r'class="under small">([^<]*)<', visit("adam").text(FILL))
    assert len(shown) == len(names)
    assert "•••" not in shown


def test_a_table_that_a_team_keeps_does_not_stop_the_others(
    visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, causes: dict[str, str]
) -> None:
    words = "You cannot change item, because Tax desk keeps its entries."

    def keep(_session: object, _actor: object, tables: list[str]) -> Refusal | None:
        return Refusal("mapping.kept", words, "", 403) if "item" in tables else None

    monkeypatch.setattr(fixes, "refuse_change", keep)
    page = visit("adam").text(FILL)
    assert words in plain(page)
    assert f'id="{causes["item"]}"' not in page
    assert f'id="{causes["unit"]}"' in page
    assert 'id="saveall_why"' not in page


def test_a_code_that_the_list_lacks_is_saved_only_on_purpose(
    visit: Callable[..., Any], database: Database, causes: dict[str, str]
) -> None:
    farah, before = visit("farah"), one(database, ENTRIES)
    rows = io.BytesIO(b"Item code,Item name\nTEA-1,Loose tea\n")
    sent = {"target": "aiaccount", "kind": "item", "as_of": "2026-11-19"}
    farah.post("/c/kedai/mappings/lists", {**sent, "file": (rows, "items.csv")}, status=303)
    form = {**form_of(farah.text(FILL)), "reason": "as listed"}
    for value, said in (
        ("loose tea", "AiAccount does not list “loose tea”. Did you mean TEA-1?"),
        ("TEA-9", "AiAccount does not list “TEA-9”."),
    ):
        answer = farah.post(FILL, {**form, causes["item"]: value}, status=422)
        page = answer.get_data(as_text=True)
        assert f'id="{causes["item"]}_err"' in page
        assert said in plain(page)
        assert 'name="unlisted"' in page
        assert one(database, ENTRIES) == before
    assert 'name="unlisted"' not in farah.text(FILL)
    farah.post(FILL, {**form, causes["item"]: "TEA-9", "unlisted": "1"}, status=303)
    assert one(database, "SELECT value FROM mapping_entry WHERE key = 'AB-100 '") == "TEA-9"
