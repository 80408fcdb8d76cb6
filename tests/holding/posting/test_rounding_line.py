"""A difference of rounding that the rules post as a line of its own, in AutoCount's books."""

import pytest
from sqlalchemy import select

from holding.db.models import Posting
from tests.holding.life import Life
from tests.holding.posting.test_autocount_life import control, life, rules, running
from tests.holding.rulesets.test_rounding_truth import AMOUNT, CHECK, THREE

__all__ = ["life", "running"]  # fixtures

LINE = "    RoundingAdjustment = total - sum(lines.amount) - sum(lines.tax_due)\n"


def rounded() -> dict[str, str]:
    """The shop rounds once, at its end: its sen goes into the rounding line."""
    files = rules()
    text = files["shop.rules"].replace(CHECK, "").replace('"NT"', '"S-10"')
    text = text.replace(AMOUNT, AMOUNT + "    tax_due = round(line.amount * 10%, 0.01)\n")
    text = text.replace("    FinalTotal      = total\n", f"    FinalTotal      = total\n{LINE}")
    assert LINE in text
    return files | {"shop.rules": text}


@pytest.mark.slow
def test_T02e_the_recommended_line_brings_the_shops_total_into_the_books(life: Life) -> None:
    life.shop.publish(rounded())
    life.arrive("A-1", lines=THREE, total="33.13")
    life.arrive("A-2", lines=THREE, total="33.12", ordered_on="2026-11-10")
    stands = life.books.show("documents")  # type: ignore[attr-defined]
    assert [one["master"]["finalTotal"] for one in stands] == ["33.13", "33.12"]
    with life.shop.database.read() as session:
        amounts = list(session.scalars(select(Posting.amount).order_by(Posting.id)))
    assert amounts == [3313, 3312]
    life.shop.clock.advance(90)
    life.work()
    assert (life.held("A-1"), life.held("A-2")) == ([], [])
    control(life, "by_hand", number="A-1-1", details=[{"taxAdjustment": "0"}])
    life.shop.clock.advance(24 * 3600)
    life.work()
    assert life.held("A-1") == ["STL03"]
