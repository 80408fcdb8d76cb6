"""Fixing a mapping or a unit: who may, what it wakes, what is refused."""

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Event, MappingEntry, Posting, Record
from holding.db.refusal import Refusal
from holding.holds import releases
from holding.holds.holds import Done
from holding.mappings.fixes import Fixed
from holding.mappings.preview import preview_entry as looked_ahead
from rules.values.canonical import PostingState
from tests.holding.consent import ASKING
from tests.holding.fixing import blocked_shop, due, fix, preview, rev
from tests.holding.shop import FILES, Shop, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.databases import any_move


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.fixture
def blocked(shop: Shop) -> Shop:
    return blocked_shop(shop)


# ---- fix ---------------------------------------------------------------------------------------


def test_a_fix_wakes_exactly_what_it_blocked(blocked: Shop) -> None:
    assert due(blocked) == []
    fixed = fix(blocked, "item", "AB-100", "TEA-1")
    assert isinstance(fixed, Fixed)
    assert fixed.woken == 4
    assert due(blocked) == ["NS-1", "NS-2", "NS-3", "NS-4"]


def test_a_fix_is_one_event_and_one_for_each_record(blocked: Shop) -> None:
    fix(blocked, "item", "AB-100", "TEA-1")
    with blocked.database.read() as session:
        said = session.scalars(select(Event).where(Event.act == "mapping.fixed")).one()
        assert said.body["say"] == (
            "Farah set item(“AB-100”) = TEA-1 (the shop renamed it); 4 records are checked again."
        )
        woken = session.scalars(select(Event).where(Event.act == "record.woken")).all()
        numbers = {session.get_one(Record, event.record_id).number for event in woken}
        assert numbers == {"NS-1", "NS-2", "NS-3", "NS-4"}


def test_a_fix_takes_a_revision_and_keeps_the_old_entry(blocked: Shop) -> None:
    before = rev(blocked)
    fix(blocked, "item", "TEA-1", "TEA-2")
    with blocked.database.read() as session:
        rows = session.scalars(
            select(MappingEntry).where(MappingEntry.key == "TEA-1").order_by(MappingEntry.id)
        ).all()
        told = [(row.value, row.from_revision, row.to_revision) for row in rows]
    assert told == [("TEA-1", 1, before + 1), ("TEA-2", before + 1, None)]


def test_a_changed_entry_wakes_unsent_documents_made_with_it(blocked: Shop) -> None:
    fixed = fix(blocked, "item", "TEA-1", "TEA-2")
    assert isinstance(fixed, Fixed)
    assert (fixed.before, due(blocked)) == ("TEA-1", ["NS-5"])
    blocked.judge()
    with blocked.database.read() as session:
        content = blocked.posting(session, "NS-5").content or {}
        assert content["lines"][0]["SKU"] == "TEA-2"


KEPT = (
    ASKING.replace("line.price, 0.01)", "line.price * kept(line.sku), 0.01)")
    + """
map kept
    match    exact
    "TEA-1"  -> 100%
    missing  hold for accounts  say "Nobody said what is kept of {key}."
"""
)


def test_a_changed_entry_wakes_every_document_that_was_released(shop: Shop) -> None:
    """The entry stands behind a computed field, which a check has asked for before."""
    shop.publish({**FILES, "shop.rules": KEPT})
    shop.receive(*(order(f"NS-{n}", channel="fax") for n in range(1, 4)))
    shop.judge()
    with shop.database.write() as session:
        for number in shop.states():
            [hold] = shop.holds(session, number)
            done = releases.release(session, shop.actor("lim"), hold.id, "agreed", shop.now)
            assert isinstance(done, Done), done
    shop.judge()
    assert set(shop.states().values()) == {"ready"}
    fix(shop, "kept", "TEA-1", "90%")
    assert due(shop) == ["NS-1", "NS-2", "NS-3"]


def test_a_fix_does_not_wake_what_was_sent(blocked: Shop) -> None:
    with blocked.database.write() as session, any_move(session):
        blocked.posting(session, "NS-5").state = PostingState.POSTED
    fixed = fix(blocked, "item", "TEA-1", "TEA-2")
    assert isinstance(fixed, Fixed)
    assert (fixed.woken, due(blocked)) == (0, [])


def test_a_second_click_gets_the_first_answer(blocked: Shop) -> None:
    seen = rev(blocked)
    fixed = fix(blocked, "item", "AB-100", "TEA-1", at=seen, op="form-1")
    assert isinstance(fixed, Fixed)
    taken = rev(blocked)
    assert fix(blocked, "item", "AB-100", "TEA-1", at=seen, op="form-1") == fixed
    assert rev(blocked) == taken
    with blocked.database.read() as session:
        [said] = session.scalars(select(Event).where(Event.act == "mapping.fixed")).all()
        assert said.operation_id == "form-1"


@pytest.mark.parametrize("who", ["vera", "lim", "chan", "pua"])
def test_who_may_not_fix_gets_403_with_names(blocked: Shop, who: str) -> None:
    refusal = fix(blocked, "item", "AB-100", "TEA-1", who=who)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403
    assert refusal.hint == "Adam or Farah can."
    assert due(blocked) == []


def test_a_fix_needs_a_reason(blocked: Shop) -> None:
    refusal = fix(blocked, "item", "AB-100", "TEA-1", reason="  ")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "reason.missing"


def test_a_form_that_is_behind_is_a_conflict_with_both_values(blocked: Shop) -> None:
    seen = rev(blocked)
    fix(blocked, "item", "AB-100", "CUP-4", who="adam")
    taken = rev(blocked)
    refusal = fix(blocked, "item", "AB-100", "TEA-1", at=seen)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 409
    assert "CUP-4 by Adam" in refusal.message
    assert "TEA-1" in refusal.message
    assert rev(blocked) == taken
    assert isinstance(fix(blocked, "item", "AB-100", "TEA-1"), Fixed)


def test_another_key_that_changed_meanwhile_is_no_conflict(blocked: Shop) -> None:
    seen = rev(blocked)
    fix(blocked, "item", "XY-1", "CUP-4")
    assert isinstance(fix(blocked, "item", "AB-100", "TEA-1", at=seen), Fixed)


def test_the_same_value_again_is_refused(blocked: Shop) -> None:
    taken = rev(blocked)
    refusal = fix(blocked, "item", "TEA-1", "TEA-1")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "mapping.same"
    assert rev(blocked) == taken


def test_a_table_of_nobody_is_not_found(blocked: Shop) -> None:
    refusal = fix(blocked, "items", "AB-100", "TEA-1")
    assert isinstance(refusal, Refusal)
    assert refusal.status == 404


def test_a_value_of_another_kind_is_refused(blocked: Shop) -> None:
    refusal = fix(blocked, "discount", "vip", "a lot")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "mapping.kind"
    assert isinstance(fix(blocked, "discount", "vip", "12.5%"), Fixed)


def test_a_map_that_ignores_case_is_fixed_for_every_spelling(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", customer="c-99"), order("NS-2", customer="C-99 "))
    shop.judge()
    assert set(shop.states().values()) == {"held"}
    fixed = fix(shop, "debtor", "C-99", "Chong Trading")
    assert isinstance(fixed, Fixed)
    assert fixed.woken == 2
    shop.judge()
    assert set(shop.states().values()) == {"ready"}


# ---- units -------------------------------------------------------------------------------------


def test_a_unit_of_one_item_frees_that_item_only(shop: Shop) -> None:
    shop.publish()
    shop.receive(
        order("NS-1", lines=[line(uom="TIN")]),
        order("NS-2", lines=[line(uom="TIN", sku="CUP-4")]),
    )
    shop.judge()
    found = preview(shop, "units", "TIN|TEA-1", "10 PCS")
    assert (found.blocked_records, found.freed) == (1, 1)
    fixed = fix(shop, "units", "TIN|TEA-1", "10 PCS")
    assert isinstance(fixed, Fixed)
    assert due(shop) == ["NS-1"]
    shop.judge()
    assert shop.states() == {"NS-1": "ready", "NS-2": "held"}
    assert isinstance(fix(shop, "units", "TIN", "10 PCS"), Fixed)
    shop.judge()
    assert shop.states() == {"NS-1": "ready", "NS-2": "ready"}


def test_a_unit_frees_the_units_that_are_counted_in_it(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", lines=[line(uom="PAL")]), order("NS-2"))
    shop.judge()
    assert isinstance(fix(shop, "units", "PAL", "3 TIN"), Fixed)
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "ready"}
    assert isinstance(fix(shop, "units", "TIN", "4 PCS"), Fixed)
    assert due(shop) == ["NS-1"]
    shop.judge()
    assert shop.states() == {"NS-1": "ready", "NS-2": "ready"}


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("TIN", "12 TIN", "unit.itself"),
        ("TIN|TEA-1", "1/2 TIN", "unit.itself"),
        ("TIN", "12 tin", "unit.itself"),
        ("TIN", "2 PAL", "unit.circle"),
        ("TIN|TEA-1", "2 PAL", "unit.circle"),
    ],
)
def test_a_unit_is_never_counted_in_itself(shop: Shop, key: str, value: str, code: str) -> None:
    shop.publish()
    shop.receive(order("NS-1", lines=[line(uom="TIN")]))
    shop.judge()
    assert isinstance(fix(shop, "units", "PAL", "3 TIN"), Fixed)
    with shop.database.read() as session:
        previewed = looked_ahead(session, shop.company.id, "units", key, value, shop.now)
    for answer in (previewed, fix(shop, "units", key, value)):
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.status) == (code, 422)
        assert "TIN" in answer.message
    assert isinstance(fix(shop, "units", key, "12 PCS"), Fixed)


def test_an_items_own_unit_wakes_documents_made_with_the_general_one(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", lines=[line(sku="CUP-4")]))
    shop.judge()
    fixed = fix(shop, "units", "CTN|CUP-4", "6 PCS")
    assert isinstance(fixed, Fixed)
    shop.judge()
    with shop.database.read() as session:
        content = session.scalars(select(Posting.content)).one() or {}
        assert content["lines"][0]["Quantity"] == "12"
