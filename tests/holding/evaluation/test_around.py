"""What is asked about the records of a batch only where it can be there is found where it is."""

from datetime import date, timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Company, Dating, Operation, Record, Release
from holding.evaluation import evaluate_due
from holding.evaluation.batch import Case, claim
from holding.evaluation.load_facts import load_batch
from holding.programs import world
from tests.holding.shop import FILES, Shop, open_shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    shop = open_shop(database, company, clock)
    shop.publish(FILES)
    return shop


def cases(shop: Shop) -> dict[str, Case]:
    """What is gathered of all that is due, by number."""
    now, mine = shop.now, shop.company.id
    claims = claim(shop.database, owner="test", company_id=mine, now=now, limit=9, lease_seconds=60)
    with shop.database.read(many=True) as session:
        found = load_batch(session, mine, claims, now, world.program).cases
    return {str(one.subject.body["number"]): one for one in found}


def test_of_a_record_that_changed_it_is_known_how_it_first_came(shop: Shop) -> None:
    for total in ("100.00", "110.00", "120.00"):
        shop.receive(order("NS-3", total=total))
        if total != "120.00":
            shop.receive(order("NS-2", total=total))
    shop.receive(order("NS-1", total="100.00"))
    first = {number: one.facts.first for number, one in cases(shop).items()}
    assert {number: body and body["total"] for number, body in first.items()} == {
        "NS-1": None,
        "NS-2": "100.00",
        "NS-3": "100.00",
    }


def test_of_a_new_record_it_is_known_who_gave_it_in(shop: Shop) -> None:
    chan = shop.actor("chan")
    shop.receive(order("NS-1"))
    assert shop.receive(order("NS-2"), by=chan) is None
    told = {number: one.facts.last_editor for number, one in cases(shop).items()}
    assert told == {"NS-1": None, "NS-2": chan.name}


@pytest.mark.parametrize("kind", ["release", "dating"])
def test_an_act_on_a_record_without_documents_can_be_taken_back(shop: Shop, kind: str) -> None:
    shop.receive(order("NS-1", customer="C-78", total="190.00"))
    shop.judge()
    shop.receive(order("NS-2"))
    until = shop.now + timedelta(seconds=30)
    with shop.database.write() as session:
        person = shop.actor("lim").person_id
        record = session.query(Record).filter_by(number="NS-2").one().id
        cause = shop.holds(session, "NS-1")[0].cause_id
        form = Operation(id="form-1", person_id=person, at=shop.now, undo_until=until, answer=None)
        session.add(form)
        by = {"record_id": record, "route": "way", "person_id": person, "operation_id": form.id}
        by |= {"reason": "agreed", "at": shop.now}
        if kind == "release":
            of = {"seq": 1, "code": "CHK01", "cause_id": cause, "content_sha256": "", "rule": "r"}
            session.add(Release(**by, **of))
        else:
            days = {"instead_of": date(2026, 1, 1), "day": date(2026, 1, 2)}
            session.add(Dating(**by, **days))
    assert cases(shop)["NS-2"].undo_until == until


def test_each_record_of_a_batch_is_planned_once_however_few_go_together(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_due, "IN_ONE_GO", 2)
    shop.receive(*(order(f"NS-{n}") for n in range(5)))
    now, mine = shop.now, shop.company.id
    claims = claim(shop.database, owner="test", company_id=mine, now=now, limit=9, lease_seconds=60)
    with shop.database.read(many=True) as session:
        batch = load_batch(session, mine, claims, now, world.program)
    plans = evaluate_due.plan_all(batch, now)
    assert [one.case.record_id for one in plans] == [one.record_id for one in batch.cases]
    assert len(plans) == 5
