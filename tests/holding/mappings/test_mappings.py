import pytest
from sqlalchemy import select

from holding.mappings import entries, fixes
from holding.mappings import preview as mappings_preview
from holding.mappings.entries import Parsed, read_value, shown
from holding.mappings.fixes import Fixed
from holding.mappings.preview import Preview
from holding.refusal import Refusal
from holding.store.database import Database
from holding.tables import Cause, Company, Event, MappingEntry, Posting, Record
from rules.values.posting_states import PostingState
from tests.holding.shop import Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.fixture
@start
def blocked(shop: Shop) -> Shop:
    """Four orders of the unknown AB-100, the last with a second cause, and one that is clear."""
    shop.publish()
    unknown = [line(sku="AB-100", uom="PCS")]
    shop.receive(
        order("NS-1", lines=unknown),
        order("NS-2", lines=unknown),
        order("NS-3", lines=unknown),
        order("NS-4", lines=unknown, total="190.00"),
        order("NS-5"),
    )
    shop.judge()
    return shop


def rev(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.get_one(Company, shop.company.id).revision


def fix(
    shop: Shop,
    table: str,
    key: str,
    value: str,
    *,
    who: str = "farah",
    reason: str = "the shop renamed it",
    at: int | None = None,
    op: str | None = None,
) -> Fixed | Refusal:
    revision = rev(shop) if at is None else at
    actor = shop.actor(who)
    with shop.database.write() as session:
        return fixes.fix(
            session, actor, table, key, value, reason=reason, now=shop.now, rev=revision, op=op
        )


def preview(shop: Shop, table: str, key: str, value: str) -> Preview:
    with shop.database.read() as session:
        found = mappings_preview.preview(session, shop.company.id, table, key, value, shop.now)
        assert isinstance(found, Preview), found
        return found


def due(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        return list(
            session.scalars(
                select(Record.number).where(Record.due_at.is_not(None)).order_by(Record.number)
            )
        )


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
    assert shown(None, None, None) == ""


# ---- missing -----------------------------------------------------------------------------------


def test_the_missing_list_has_one_line_a_key(blocked: Shop) -> None:
    with blocked.database.read() as session:
        (row,) = fixes.missing(session, blocked.company.id)
    assert (row.table, row.key, row.records, row.amount) == ("item", "AB-100", 4, 4 * 19200 - 200)


# ---- preview -----------------------------------------------------------------------------------


def test_a_preview_says_what_is_freed_and_what_stays(blocked: Shop) -> None:
    found = preview(blocked, "item", "AB-100", "TEA-1")
    assert (found.blocked_records, found.amount) == (4, 76600)
    assert (found.freed, found.freed_amount) == (3, 57600)
    assert [(s.reason, s.records, s.label) for s in found.stays] == [
        ("adds_up", 1, "The lines of ‹number› do not add up to ‹total›.")
    ]
    assert found.say == "frees 3; 1 stays held: adds_up"
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
            "Farah set item(“AB-100”) = TEA-1 (the shop renamed it); 4 records are judged again."
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
        found = entries.suggestions(session, shop.company.id, "item", key)
    assert (found[0].value, found[0].reason, found[0].percent) == first


def test_nothing_near_is_no_suggestion(shop: Shop) -> None:
    shop.publish()
    with shop.database.read() as session:
        assert entries.suggestions(session, shop.company.id, "item", "ZZZZ-9000") == ()
        assert entries.suggestions(session, shop.company.id, "nothing", "X") == ()


@pytest.mark.parametrize(
    ("table", "key"), [("item", "TEA-11"), ("item", "TEA-2"), ("item", "TEA"), ("debtor", "C-87")]
)
def test_another_number_is_another_thing(shop: Shop, table: str, key: str) -> None:
    shop.publish()
    with shop.database.read() as session:
        assert entries.suggestions(session, shop.company.id, table, key) == ()
