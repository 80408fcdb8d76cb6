"""What a digest comes to: each record once; and which causes it names: those with the most."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from grammar.text.characters import SPACE
from holding.db.database import Database
from holding.db.models import Company, Notice, Recipient, Team
from holding.db.models.columns import RecipientKind
from holding.operations import digests, planning
from tests.holding.shop import Shop, line, open_shop, order, start
from tests.support.clock import SetClock


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """A company with rules, and nothing on hold."""
    shop = open_shop(database, company, clock)
    shop.publish()
    return shop


def digest(shop: Shop, team: str = "") -> dict[str, Any]:
    """The digest of all, or of one team, as it is sent the day after."""
    with shop.database.write() as session:
        wanted = select(Team.id).where(Team.name == team, Team.company_id == shop.company.id)
        row = Recipient(
            company_id=shop.company.id,
            kind=RecipientKind.WEBHOOK,
            team_id=session.scalar(wanted),
            address="https://chat.example",
            secret="s",
            digest=True,
            urgent=False,
            packets=False,
            made_at=shop.now,
        )
        session.add(row)
        days = range(len(planning.DAYS))
        assert planning.set_times(session, shop.actor("adam"), "08:00", days, shop.now) is None
        session.flush()
        planning.plan_due_notices(
            session, shop.now + timedelta(days=1), root="https://books.example"
        )
        return session.scalars(select(Notice).where(Notice.recipient_id == row.id)).one().body


def lacking(number: str, total: str, *, sku: str = "NOBODYS") -> dict[str, Any]:
    """An order of a customer and an item that are not mapped."""
    lines = [line(sku=sku, uom="PCS", qty="1", price=total)]
    return order(number, customer=f"K-{number}", total=total, lines=lines)


def amount(text: str) -> str:
    """RM 100.00 as it is written."""
    return f"RM{SPACE}{text}"


def test_a_record_with_two_causes_is_one_record_with_its_money(shop: Shop) -> None:
    shop.receive(lacking("NS-1", "100.00"))
    shop.judge()
    body = digest(shop)
    assert [(one["records"], one["money"]) for one in body["groups"]] == [
        (1, amount("100.00")), (1, amount("100.00")),
    ]  # fmt: skip
    assert body["summary"] == f"1 record on hold, {amount('100.00')}"
    assert body["records"] == 1
    assert digests.as_text(body).startswith(
        f"{shop.company.name}: 1 record on hold, {amount('100.00')}."
    )


def test_the_sum_of_a_team_leaves_out_what_others_hold(shop: Shop) -> None:
    wrong = order("NS-2", total="50.00")  # it does not add up: the accounts team has it
    shop.receive(lacking("NS-1", "100.00"), wrong)
    shop.judge()
    assert digest(shop)["summary"] == f"2 records on hold, {amount('150.00')}"
    assert digest(shop, "sales_admin")["summary"] == f"1 record on hold, {amount('100.00')}"
    assert digest(shop, "accounts")["summary"] == f"1 record on hold, {amount('50.00')}"


def test_the_causes_with_the_most_money_are_named(shop: Shop) -> None:
    count = digests.MOST_GROUPS + 5
    shop.receive(
        *(
            order(f"NS-{n}", customer=f"K-{n}", total=f"{n}.00", lines=[_worth(n)])
            for n in range(1, count + 1)
        )
    )
    shop.judge()
    body = digest(shop)
    named = {one["money"] for one in body["groups"]}
    assert named == {amount(f"{n}.00") for n in range(6, count + 1)}
    assert body["more"] == 5
    assert body["records"] == count


def _worth(n: int) -> dict[str, Any]:
    return line(uom="PCS", qty="1", price=f"{n}.00")
