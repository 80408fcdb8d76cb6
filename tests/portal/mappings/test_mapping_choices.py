"""Choosing a value for one that is missing: letters, what the source said, warnings."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from holding.connections.master_data import keep_kinds
from holding.db.models import Connection, Hold, Snapshot
from holding.db.models.decisions import HOLD_OPEN
from holding.mappings import choices
from holding.mappings.choices import CodeList, Purpose
from tests.portal.reading import cause, one, plain

pytestmark = pytest.mark.sqlite
MISSING = "/c/kedai/mappings/missing"
PREVIEW = "/c/kedai/mappings/preview"


@pytest.fixture
def form(database):
    """The form of the item that has no entry, as the browser sends it."""
    found = cause(database, "mapping:item:%")
    return {"cause": found, "table": "item", "key": "AB-100 ", "rev": 99, "reason": "renamed"}


def test_letters_bring_the_values_that_have_them_and_nothing_else(visit, form):
    asked = f"{MISSING}/values?cause={form['cause']}&q=tea"
    found = visit("farah").get(asked, target="mapchoices").get_data(as_text=True)
    assert found.strip().startswith('<div class="options section-s" id="mapchoices"')
    assert 'value="TEA-1"' in found
    assert "Used for TEA-1." in plain(found)
    assert 'value="AB-100"' not in found
    none = f"{MISSING}/values?cause={form['cause']}&q=zzz"
    assert "No value has “zzz” in it." in visit("farah").text(none, target="mapchoices")
    visit("farah").get(f"{MISSING}/values?cause=98765&q=tea", target="mapchoices", status=404)


def test_without_scripts_a_button_searches_and_keeps_what_was_typed(visit, form, database):
    before = one(database, "SELECT count(*) FROM mapping_entry")
    farah = visit("farah")
    page = farah.post(PREVIEW, {**form, "q": "tea", "search": "1", "since": "2026-11-01"})
    shown = page.get_data(as_text=True)
    assert page.status_code == 200
    assert 'value="TEA-1"' in shown
    assert 'name="q" type="search" maxlength="100" autocomplete="off" value="tea"' in shown
    assert 'value="renamed"' in shown
    assert 'value="2026-11-01"' in shown
    assert "Select a suggestion" not in shown
    assert "Nothing is saved yet" not in shown
    assert one(database, "SELECT count(*) FROM mapping_entry") == before


def test_a_wrong_unit_is_told_at_its_field_when_it_is_previewed(visit, database):
    found = cause(database, "unit:%")
    form = {"cause": found, "table": "units", "key": "DRUM|TEA-1", "rev": 99, "reason": "counted"}
    for typed, said in (
        ("12", "“12” is not a conversion."),
        ("12 DRUM", "cannot be counted in itself"),
        ("", "Select a suggestion or enter a value."),
    ):
        answer = visit("farah").post(PREVIEW, {**form, "other": typed}, target="freed")
        page = answer.get_data(as_text=True)
        assert answer.headers["HX-Retarget"] == "#mappreview"
        assert answer.headers["HX-Reswap"] == "outerHTML"
        assert re.search(rf'id="other"[^>]*value="{typed}"[^>]*aria-describedby="to_err"', page)
        assert said in plain(page.partition('id="to_err"')[2][:400])
        assert 'value="counted"' in page
    answer = visit("farah").post(PREVIEW, {**form, "other": "12 PCS"}, target="freed")
    assert "HX-Retarget" not in answer.headers
    assert answer.get_data(as_text=True).lstrip().startswith('<div class="stack" id="freed">')


def test_a_unit_is_chosen_with_its_factor(visit, database):
    page = visit("farah").text(f"{MISSING}?cause={cause(database, 'unit:%')}")
    offered = re.findall(r'name="to" id="[^"]+" value="([^"]+)"', page)
    assert offered
    assert all(re.fullmatch(r"\d+(?:/\d+)? [A-Z]+", value) for value in offered), offered


def test_the_source_s_own_words_stand_beside_the_value(visit, form):
    page = plain(visit("farah").text(f"{MISSING}?cause={form['cause']}"))
    assert "Latest SO-" in page
    assert "from NetShop" in page
    assert "UOM" in page


def test_a_page_that_shows_nothing_chosen_warns_of_nothing(visit, form):
    page = visit("farah").text(f"{MISSING}?cause={form['cause']}")
    assert 'id="unlisted"' not in page
    assert 'id="shared"' not in page


def test_a_customer_that_another_key_has_is_warned_of_before_saving(visit, database):
    found = cause(database, "mapping:debtor:%")
    form = {"cause": found, "table": "debtor", "key": "C-99", "rev": 99, "reason": "is the same"}
    farah = visit("farah")
    asked = farah.post(PREVIEW, {**form, "other": "Aisyah Rahman"}, status=200)
    assert "C-77 uses Aisyah Rahman too." in plain(asked.get_data(as_text=True))
    asked = farah.post(PREVIEW, {**form, "other": "Somebody New"}, status=200)
    assert " too." not in plain(asked.get_data(as_text=True))


def test_a_value_in_use_that_a_whole_list_lacks_says_so(visit, database, clock, monkeypatch):
    with database.write() as session:
        mine = select(Connection).where(Connection.side == "target").order_by(Connection.id)
        target = session.scalars(mine).first()
        assert target is not None
        keep_kinds(session, target, {"account": {"CUP-4": {}}}, person=None, now=clock.now())
        snapshot = session.scalars(
            select(Snapshot.id).where(
                Snapshot.kind == "account", Snapshot.connection_id == target.id
            )
        ).one()
    whole = CodeList(snapshot, "aiaccount", "account", clock.now(), complete=True)
    for told, said in ((whole, 1), (replace(whole, complete=False), 0)):
        monkeypatch.setattr(choices, "load_purpose", lambda *_, told=told: Purpose((told,)))
        asked = f"{MISSING}/values?cause={cause(database, 'mapping:item:%')}&q="
        shown = plain(visit("farah").text(asked, target="mapchoices"))
        assert shown.count("Not listed by AiAccount.") == said
        assert "CUP-4 Listed by AiAccount. Used for CUP-4." in shown


def test_a_code_that_was_added_in_the_target_is_looked_for_again(visit, database, clock, form):
    with database.write() as session:
        mine = select(Connection).where(Connection.side == "target").order_by(Connection.id)
        target = session.scalars(mine).first()
        assert target is not None
        keep_kinds(session, target, {"account": {"CUP-4": {}}}, person=None, now=clock.now())
        key, name = target.id, target.name
        hold = session.scalars(select(Hold).where(HOLD_OPEN).order_by(Hold.id)).first()
        assert hold is not None
        hold.code, hold.connection_id = "LST01", key
        hold_id = hold.id
    farah = visit("farah")
    shown = farah.text(f"/c/kedai/holding/{hold_id}")
    assert "Look again in AiAccount" in shown
    assert re.search(f'name="target"[^>]* value="{name}"', shown)

    def fresh() -> int:
        now = clock.now()
        query = select(func.count()).select_from(Snapshot)
        with database.read() as session:
            mine = query.where(Snapshot.connection_id == key, Snapshot.due_at > now)
            return session.scalar(mine) or 0

    assert fresh() > 0
    wish = {"hold": hold_id, "target": name}
    page = farah.post("/c/kedai/mappings/look", wish, status=303)
    assert page.headers["Location"].endswith(f"/c/kedai/holding/{hold_id}")
    assert fresh() == 0
    asked = "SELECT count(*) FROM event WHERE act = 'lists.asked'"
    assert one(database, asked) == 1
    farah.post("/c/kedai/mappings/look", {"cause": form["cause"], "target": name}, status=303)
    farah.post("/c/kedai/mappings/look", {**wish, "target": "netshop"}, status=404)
    assert one(database, asked) == 2
