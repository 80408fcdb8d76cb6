from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Cause, Company, Hold, Record, Release, Version
from holding.rulesets.admission import rule_sources
from holding.rulesets.proposals import AT_LEAST, DAYS, Proposal, proposals
from tests.holding.fixing import fix
from tests.holding.shop import FILES, ROUTE, Shop, line, open_shop, order, start
from tests.support.clock import SetClock


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    found.publish()
    return found


def correct(shop: Shop, number: str, **changes: object) -> None:
    """A version that somebody set right, as holding/holds/holds.py writes it."""
    with shop.database.write() as session:
        record = session.scalars(select(Record).where(Record.number == number)).one()
        before = session.get_one(Version, record.version_id)
        session.add(
            Version(
                record_id=record.id,
                no=before.no + 1,
                sha256=f"corrected {number}",
                body={**(before.body or {}), **changes},
                corrects_id=before.id,
                person_id=shop.actor("farah").person_id,
                reason="as on paper",
                at=shop.now,
            )
        )


def told(shop: Shop) -> tuple[Proposal, ...]:
    with shop.database.read() as session:
        return proposals(session, shop.company.id, shop.now)


def test_corrections_of_one_field_become_a_map(shop: Shop) -> None:
    numbers = [f"NS-{n}" for n in range(14)]
    shop.receive(
        *(order(number, customer="C77" if n % 2 else "c.77") for n, number in enumerate(numbers))
    )
    for number in numbers:
        correct(shop, number, customer="C-77")
    [one] = told(shop)
    assert one.say == "This was fixed by hand 14 times: customer of order corrected."
    assert dict(one.examples) == {"C77 to C-77": 7, "c.77 to C-77": 7}
    assert one.files is not None
    assert "debtor(customer_meant)" in one.files["shop.rules"]
    assert '"C77"' in one.files["shop.rules"]
    shop.publish(dict(one.files))
    shop.receive(order("NS-99", customer="C77"))
    shop.judge()
    with shop.database.read() as session:
        assert shop.posting(session, "NS-99").party == "Aisyah Rahman"


def test_seldom_or_long_ago_is_no_proposal(shop: Shop) -> None:
    for n in range(AT_LEAST):
        shop.receive(order(f"NS-{n}", lines=[line(sku="TEA 1")]))
        if n:
            correct(shop, f"NS-{n}", lines=[line(sku="TEA-1")])
    assert told(shop) == ()
    correct(shop, "NS-0", lines=[line(sku="TEA-1")])
    [one] = told(shop)
    assert (one.key, one.files is None) == ("correction:order:lines.sku", False)
    shop.clock.advance(timedelta(days=DAYS + 1).total_seconds())
    assert told(shop) == ()


def test_ever_other_values_are_counted_and_make_no_rule(shop: Shop) -> None:
    for n in range(AT_LEAST):
        shop.receive(order(f"NS-{n}", customer=f"K-{n}"))
        correct(shop, f"NS-{n}", customer=f"C-{n}")
    [one] = told(shop)
    assert (one.times, one.files) == (AT_LEAST, None)
    assert one.why_not == "Every time it was another value: no rule follows from it."


def test_releases_of_one_rule_become_a_warning(shop: Shop) -> None:
    shop.receive(*(order(f"NS-{n}", total="190.00") for n in range(AT_LEAST)))
    shop.judge()
    with shop.database.write() as session:
        cause = session.scalars(select(Cause.id).join(Hold, Hold.cause_id == Cause.id)).first()
        for record in session.scalars(select(Record.id)):
            session.add(
                Release(
                    record_id=record,
                    route=ROUTE,
                    seq=1,
                    code="CHK01",
                    cause_id=cause or 0,
                    content_sha256="x",
                    rule="adds_up",
                    person_id=shop.actor("lim").person_id,
                    reason="rounded at the till",
                    at=shop.now,
                )
            )
    [one] = told(shop)
    assert one.what == "released what adds_up held"
    assert one.files is not None
    assert "else     warn" in one.files["shop.rules"]


def test_spellings_added_by_hand_make_the_map_take_them(shop: Shop) -> None:
    for n in range(AT_LEAST):
        fix(shop, "item", " " * (n + 1) + "tea-1", "TEA-1")
    [one] = told(shop)
    assert one.what == "another spelling added to item"
    assert one.files is not None
    changed = [path for path, text in one.files.items() if text != FILES[path]]
    assert changed == ["shop.rules"] == list(rule_sources(one.files))
    assert 'match    trimmed, any case\n    csv      "maps/items.csv"' in one.files["shop.rules"]
