"""The seven answers of a record that was posted a year ago: they are those of then."""

from datetime import timedelta

import pytest

from holding.approvals import approve
from holding.holds import assignments
from holding.mappings import fixes
from holding.records import lineage, trace
from holding.records.seven_answers import Answer
from tests.holding.life import NUMBERED, TABLES, Life
from tests.holding.shop import FILES, line

OTHER_RULES = (
    ("pending, cancelled", "pending, cancelled, packed"),
    ("ready   paid", "ready   packed\n    ignore  paid"),
    (' "Accounts team"', ' "Finance desk"'),
    (' "Sales administration"', ' "Back office"'),
    ("unique by number in history", "unique by customer, number in history"),
    ("when     total > 1000.00", "when     total > 9000.00"),
    ("by       accounts", "by       sales_admin"),
    ("= 40 PCS", "= 48 PCS"),
    ('from 2024-01-01 = "40000"', 'from 2024-01-01 = "41000"'),
    ("Customer       = debtor(customer)", "Customer       = customer"),
    ("InvoiceDate    = ordered_on", "InvoiceDate    = today"),
)
BILLED = {"customer": "C-99", "total": "1920.00", "lines": [line(price="960.00")]}


def seven(life: Life) -> tuple[Answer, ...]:
    with life.shop.database.read() as session:
        return trace.answer_questions(session, life.shop.record(session, "A-1").id)


def values(life: Life) -> tuple[lineage.LineageRow, ...]:
    with life.shop.database.read() as session:
        return lineage.lineage_rows(session, life.shop.posting(session, "A-1").id)


@pytest.fixture
def posted(life: Life) -> Life:
    """Held for its debtor, mapped by Farah, approved by Lim, posted; then a year goes by."""
    shop = life.shop
    life.arrive("A-1", **BILLED, approved_by="Siti", approved_version=1)
    fix(life, "debtor", "C-99", "Chong", "a new buyer")
    life.work()
    with shop.database.write() as session:
        posting = shop.posting(session, "A-1")
        approve.approve(session, shop.actor("lim"), [posting.id], "checked", shop.now)
    life.work()
    assert shop.states() == {"A-1": "posted"}
    shop.clock.advance(timedelta(days=365))
    return life


def fix(life: Life, table: str, key: str, value: str, reason: str) -> None:
    shop = life.shop
    with shop.database.write() as session:
        done = fixes.fix(session, shop.actor("farah"), table, key, value, reason, shop.now, 99)
        assert isinstance(done, fixes.Fixed), done


def other_rules(life: Life) -> None:
    """Each rule that an answer leans on says something else, some lines further down."""
    text = NUMBERED + TABLES
    for before, after in OTHER_RULES:
        assert text.count(before) >= 1, before
        text = text.replace(before, after)
    life.shop.publish(FILES | {"shop.rules": "# Anew.\n\n" + text})
    life.work()


def other_mappings(life: Life) -> None:
    fix(life, "debtor", "C-99", "Chong & Sons", "it was misspelt")
    fix(life, "item", "TEA-1", "CUP-4", "the item has a new code")
    life.work()


def other_people(life: Life) -> None:
    """Who mapped and who approved left; others have their places."""
    shop = life.shop
    adam = shop.actor("adam")
    with shop.database.write() as session:
        for name in ("farah", "lim"):
            key = shop.actor(name).person_id or 0
            assert assignments.remove_member(session, adam, shop.company.id, key, shop.now) == 0
    life.work()


def test_T25d_a_year_later_all_seven_are_answered_from_then(posted: Life) -> None:
    before, carried = seven(posted), values(posted)
    assert {one.tone for one in before} == {"good"}
    assert before[6].text == (
        "Yes: Mapping missing (debtor), opened 2026-11-20 09:01, owner Sales administration,"
        " cleared 2026-11-20 09:01 by Farah: mapped debtor: C-99 2026-11-20 09:01"
        " (revision 2), a new buyer;"
        " Approval needed (approve by accounts), opened 2026-11-20 09:01, owner Accounts team,"
        " approved 2026-11-20 09:01 by Lim: checked."
    )
    for change in (other_mappings, other_people, other_rules):
        change(posted)
        assert seven(posted) == before, change.__name__
        assert values(posted) == carried, change.__name__


def test_T25d_a_new_version_adds_to_two_answers_and_changes_none(posted: Life) -> None:
    before = {one.no: one for one in seven(posted)}
    other_mappings(posted)
    other_rules(posted)
    other_people(posted)
    posted.arrive(
        "A-1", **(BILLED | {"total": "2880.00", "lines": [line(price="960.00", qty="3")]})
    )
    after = {one.no: one for one in seven(posted)}
    for no in (1, 2, 3, 4, 6):
        assert after[no] == before[no], no
    assert after[5].text.startswith("Yes, since version 1 was sent: version 2 at 2027-11-20 09:02")
    assert after[7].text.startswith(before[7].text.removesuffix(".") + "; ")
    assert "owner Finance desk, still open" in after[7].text, "what is held today is today's"
