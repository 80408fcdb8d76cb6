"""Mapping entries: values as they are typed, the missing list, previews, suggestions."""

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Cause, Company
from holding.db.refusal import Refusal
from holding.mappings import fixes, mapping_lists
from holding.mappings.entries import Parsed, entry_text, read_value
from holding.mappings.fixes import Fixed
from rules.values.canonical import PostingState
from tests.holding.fixing import blocked_shop, due, fix, preview, rev
from tests.holding.shop import Shop, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.databases import any_move


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.fixture
def blocked(shop: Shop) -> Shop:
    return blocked_shop(shop)


# ---- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "told"),
    [("12 PCS", "PCS", "12 PCS"), (" 1/3 CTN ", "CTN", "1/3 CTN"), ("24/2 PCS", "PCS", "12 PCS")],
)
def test_a_conversion_is_read_exactly(text: str, value: str, told: str) -> None:
    parsed = read_value("unit", text)
    assert isinstance(parsed, Parsed)
    assert (parsed.value, parsed.text) == (value, told)


@pytest.mark.parametrize("text", ["", "PCS", "0 PCS", "1/0 PCS", "1.5 PCS", "-3 PCS", "12"])
def test_what_is_no_conversion_is_refused(text: str) -> None:
    assert isinstance(read_value("unit", text), Refusal)


@pytest.mark.parametrize("text", ["", "   ", "x" * 201, "a\nb", "a\x00b"])
def test_what_is_no_value_is_refused(text: str) -> None:
    assert isinstance(read_value("map", text), Refusal)


def test_a_removed_entry_shows_as_nothing() -> None:
    assert entry_text(None, None, None) == ""


# ---- missing -----------------------------------------------------------------------------------


def test_the_missing_list_has_one_line_a_key(blocked: Shop) -> None:
    with blocked.database.read() as session:
        (row,) = fixes.missing(session, blocked.company.id)
    assert (row.table, row.key, row.records) == ("item", "AB-100", 4)
    assert row.money == {"": 4 * 19200 - 200}


# ---- preview -----------------------------------------------------------------------------------


def test_a_preview_says_what_is_freed_and_what_stays(blocked: Shop) -> None:
    found = preview(blocked, "item", "AB-100", "TEA-1")
    assert (found.blocked_records, found.money) == (4, {"MYR": 76600})
    assert (found.freed, found.freed_money) == (3, {"MYR": 57600})
    assert [(s.reason, s.records, s.label) for s in found.stays] == [
        ("adds_up", 1, "The lines of the number do not add up to the total.")
    ]
    assert found.say == "clears 3; 1 stays held: adds_up"
    assert (found.before, found.contradicted.used, found.currency) == ("", 0, "MYR")


def test_of_many_labels_some_are_told(shop: Shop) -> None:
    shop.publish()
    unknown = [line(sku="AB-100", uom="PCS")]
    shop.receive(*(order(f"NS-{n}", lines=unknown, customer=f"C-10{n}") for n in range(1, 6)))
    shop.judge()
    [stay] = preview(shop, "item", "AB-100", "TEA-1").stays
    assert (stay.reason, stay.records) == ("debtor", 5)
    assert stay.label == (
        "Customer C-101 is no debtor. Customer C-102 is no debtor."
        " Customer C-103 is no debtor. And 2 more."
    )


def test_a_preview_writes_nothing(blocked: Shop) -> None:
    before = rev(blocked), blocked.states(), due(blocked)
    preview(blocked, "item", "AB-100", "TEA-1")
    assert (rev(blocked), blocked.states(), due(blocked)) == before


def test_what_a_preview_says_is_what_happens(blocked: Shop) -> None:
    found = preview(blocked, "item", "AB-100", "TEA-1")
    fixed = fix(blocked, "item", "AB-100", "TEA-1")
    assert isinstance(fixed, Fixed)
    blocked.judge()
    states = blocked.states()
    assert sum(1 for n in range(1, 5) if states[f"NS-{n}"] == "ready") == found.freed
    assert states["NS-4"] == "held"
    with blocked.database.read() as session:
        assert [hold.rule for hold in blocked.holds(session, "NS-4")] == ["adds_up"]
        cause = session.scalars(select(Cause).where(Cause.key == "mapping:item:AB-100")).one()
        assert (cause.records, cause.book) == (0, 0)


def test_a_record_that_then_needs_an_approval_stays(shop: Shop) -> None:
    shop.publish()
    shop.receive(
        order("NS-1", total="1920.00", lines=[line(sku="AB-100", uom="PCS", price="960.00")])
    )
    shop.judge()
    found = preview(shop, "item", "AB-100", "TEA-1")
    assert (found.freed, [s.reason for s in found.stays]) == (0, ["approval by accounts"])


def test_a_preview_of_a_changed_entry_counts_posted_documents(blocked: Shop) -> None:
    with blocked.database.write() as session:
        posting = blocked.posting(session, "NS-5")
        with any_move(session):
            posting.state = PostingState.POSTED
    found = preview(blocked, "item", "TEA-1", "TEA-2")
    assert (found.before, found.blocked_records) == ("TEA-1", 0)
    assert [one.number for one in found.contradicted.documents] == ["NS-5"]


# ---- suggestions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("TEA-1 ", ("TEA-1", "spaces", 100)),
        ("tea-1", ("TEA-1", "case", 100)),
        ("TEA_1", ("TEA-1", "special characters", 100)),
        ("TEAS-1", ("TEA-1", "similar", 90)),
    ],
)
def test_suggestions_say_why(shop: Shop, key: str, first: tuple[str, str, int]) -> None:
    shop.publish()
    with shop.database.read() as session:
        found = mapping_lists.suggestions(session, shop.company.id, "item", key)
    assert (found[0].value, found[0].reason, found[0].percent) == first


def test_nothing_near_is_no_suggestion(shop: Shop) -> None:
    shop.publish()
    with shop.database.read() as session:
        assert mapping_lists.suggestions(session, shop.company.id, "item", "ZZZZ-9000") == ()
        assert mapping_lists.suggestions(session, shop.company.id, "nothing", "X") == ()


@pytest.mark.parametrize(
    ("table", "key"), [("item", "TEA-11"), ("item", "TEA-2"), ("item", "TEA"), ("debtor", "C-87")]
)
def test_another_number_is_another_thing(shop: Shop, table: str, key: str) -> None:
    shop.publish()
    with shop.database.read() as session:
        assert mapping_lists.suggestions(session, shop.company.id, table, key) == ()
