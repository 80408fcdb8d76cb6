"""Intake: the same delivery once, equal content once, a change as the next version."""

import threading
from datetime import timedelta

from sqlalchemy import LargeBinary, literal, update

from holding.db.database import Database
from holding.db.models import Connection, Delivery, Event, LinkKey, Record, Version
from holding.db.models.columns import table_of
from holding.db.refusal import Refusal
from holding.intake.receive import Receipt, receive
from tests.support.factories import connection_named, make_company
from tests.support.shop import Shop, incoming, order


def test_a_new_order_is_a_record_with_version_1(shop: Shop) -> None:
    receipt = shop.arrive(order("1", "A", reference="PO-1"))
    assert (receipt.new_records, receipt.new_versions, receipt.unchanged) == (1, 1, 0)
    (record,) = shop.rows(Record)
    assert (record.number, record.state, record.due_at) == ("1", "received", shop.clock.now())
    assert (record.party, record.party_key, record.amount, record.book) == (
        "Tan Ah Kow",
        "C-77",
        1000,
        1000,
    )
    (version,) = shop.rows(Version)
    assert (version.no, version.id) == (1, record.version_id)
    assert version.body["lines"] == [{"sku": "A", "qty": "1"}]
    with shop.database.read() as session:
        keys = {(k.name, k.value) for k in session.query(LinkKey)}
    assert keys == {("doc:aiaccount.sales_invoice", "INV-1"), ("dup:*:1", "PO-1")}


def test_twenty_equal_calls_are_one_delivery(shop: Shop) -> None:
    receipts = [shop.deliver(incoming(order("1", "A")), key="k", raw=b"x") for _ in range(20)]
    assert [r.times for r in receipts if isinstance(r, Receipt)] == list(range(1, 21))
    assert len(shop.rows(Delivery)) == len(shop.rows(Version)) == 1
    assert len(shop.rows(Event)) == 1


def test_the_same_body_right_after_itself_is_a_repeat_under_any_key(shop: Shop) -> None:
    shop.deliver(incoming(order("1", "A")), key="k1", raw=b"x")
    again = shop.deliver(incoming(order("1", "A")), key="k2", raw=b"x")
    assert isinstance(again, Receipt)
    assert again.times == 2
    assert len(shop.rows(Delivery)) == 1


def test_a_delivery_whose_bytes_were_damaged_does_not_stop_the_next(shop: Shop) -> None:
    """The newest is read to see whether it comes again."""
    shop.deliver(incoming(order("1", "A")), key="k1", raw=b"order " * 100)
    table = table_of(Delivery)
    with shop.database.write() as session:
        damaged = literal(b"\x00z damaged", LargeBinary)
        session.execute(update(table).values(body=damaged))
    next_one = shop.deliver(incoming(order("2", "A")), key="k2", raw=b"y")
    assert isinstance(next_one, Receipt)
    assert next_one.new_records == 1


def test_the_same_key_with_another_body_is_refused(shop: Shop) -> None:
    shop.deliver(incoming(order("1", "A")), key="k", raw=b"x")
    answer = shop.deliver(incoming(order("2", "A")), key="k", raw=b"y")
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.status) == ("delivery.conflict", 409)
    assert len(shop.rows(Record)) == 1
    told = shop.rows(Event)[-1]
    assert (told.act, told.record_id) == ("delivery.conflict", None)
    assert told.body["say"].endswith("with another content. The second one was not taken.")


def test_T31_an_equal_signature_is_the_same_delivery_whatever_its_key_says(shop: Shop) -> None:
    def send(key: str, total: str, signature: str) -> tuple[str, int]:
        answer = shop.deliver(
            incoming(order("1", "A", total=total)),
            key=key,
            raw=total.encode(),
            signature=signature,
        )
        assert isinstance(answer, Receipt)
        return key, answer.times

    assert send("k1", "10.00", "s1") == ("k1", 1)
    assert send("k2", "20.00", "s2") == ("k2", 1)
    for times, key in enumerate(("k3", "k2", "k1"), 2):
        assert send(key, "10.00", "s1") == (key, times)
    assert send("k3", "30.00", "s3") == ("k3", 1)  # nobody took its key meanwhile
    assert [(one.key, one.times) for one in shop.rows(Delivery)] == [
        ("k1", 4),
        ("k2", 1),
        ("k3", 1),
    ]
    assert [v.no for v in shop.rows(Version)] == [1, 2, 3]


def test_T31_equal_signatures_of_two_sources_are_two_deliveries(
    shop: Shop, database: Database
) -> None:
    """Two shops may share a secret; what one sent says nothing of the other."""
    shop.deliver(incoming(order("1", "A")), raw=b"x", signature="s")
    with database.write() as session:
        company = make_company(session, "warung")
        answer = receive(
            session,
            company_id=company.id,
            source_id=connection_named(session, company, "netshop").id,
            delivery_key="k",
            kind="webhook",
            headers={},
            raw=b"x",
            signature="s",
            records=[incoming(order("1", "A"))],
            now=shop.clock.now(),
        )
    assert isinstance(answer, Receipt)
    assert (answer.times, answer.new_versions) == (1, 1)


def test_equal_content_makes_no_version_and_a_b_a_makes_three(shop: Shop) -> None:
    for total in ("10.00", "10.00", "20.00", "10.00"):
        shop.arrive(order("1", "A", total=total))
    assert [v.no for v in shop.rows(Version)] == [1, 2, 3]
    (record,) = shop.rows(Record)
    assert record.version_id == shop.rows(Version)[-1].id


def test_a_stale_stamp_is_kept_and_never_judged(shop: Shop) -> None:
    shop.map("A")
    shop.deliver(incoming(order("1", "A", total="30.00"), stamp="2026-10-03T00:00:00Z"))
    shop.judge()
    receipt = shop.deliver(incoming(order("1", "A", total="20.00"), stamp="2026-10-02T00:00:00Z"))
    assert isinstance(receipt, Receipt)
    assert (receipt.stale, receipt.new_versions) == (1, 0)
    assert [v.stale for v in shop.rows(Version)] == [False, True]
    assert shop.judge() == 0
    (record,) = shop.rows(Record)
    assert record.version_id == shop.rows(Version)[0].id
    again = shop.deliver(incoming(order("1", "A", total="20.00"), stamp="2026-10-02T00:00:00Z"))
    assert isinstance(again, Receipt)
    assert again.unchanged == 1


def test_fractions_of_a_second_order_stamps(shop: Shop) -> None:
    shop.deliver(incoming(order("1", "A", total="30.00"), stamp="2026-10-03T00:00:00Z"))
    receipt = shop.deliver(incoming(order("1", "A", total="20.00"), stamp="2026-10-03T00:00:00.5Z"))
    assert isinstance(receipt, Receipt)
    assert (receipt.new_versions, receipt.stale) == (1, 0)


def test_a_stamp_of_a_moment_to_come_makes_nothing_stale(shop: Shop) -> None:
    """The clock of a shop that was wrong for an hour must not hide what it tells for ten years."""
    ahead = (shop.clock.now() + timedelta(days=3650)).isoformat()
    shop.deliver(incoming(order("1", "A"), stamp=ahead))
    for status in ("packed", "cancelled"):
        shop.clock.advance(60)
        stamp = shop.clock.now().isoformat()
        receipt = shop.deliver(incoming(order("1", "A", status=status), stamp=stamp))
        assert isinstance(receipt, Receipt)
        assert (receipt.stale, receipt.new_versions) == (0, 1)
    shop.clock.advance(60)
    old = shop.deliver(incoming(order("1", "A", total="7.00"), stamp="2026-10-01T00:00:00Z"))
    assert isinstance(old, Receipt)
    assert old.stale == 1, "moments that have come put in order what arrives, as ever"
    assert shop.deliver(incoming(order("1", "A"), stamp=ahead)).unchanged == 1  # type: ignore[union-attr]
    (record,) = shop.rows(Record)
    assert record.version_id == shop.rows(Version)[2].id


def test_a_shop_whose_clock_is_of_another_zone_is_put_in_order_by_it(shop: Shop) -> None:
    ahead = shop.clock.now() + timedelta(hours=13)
    for minutes, stale in ((10, 0), (5, 1)):
        stamp = (ahead + timedelta(minutes=minutes)).isoformat()
        receipt = shop.deliver(incoming(order("1", "A", total=f"{minutes}.00"), stamp=stamp))
        assert isinstance(receipt, Receipt)
        assert receipt.stale == stale


def test_stamps_of_two_zones_are_moments(shop: Shop) -> None:
    shop.deliver(incoming(order("1", "A", total="30.00"), stamp="2026-10-03T10:00:00+08:00"))
    receipt = shop.deliver(incoming(order("1", "A", total="20.00"), stamp="2026-10-03T03:00:00Z"))
    assert isinstance(receipt, Receipt)
    assert (receipt.new_versions, receipt.stale) == (1, 0)


def test_the_same_stamp_with_other_content_is_marked(shop: Shop) -> None:
    for total in ("30.00", "20.00"):
        shop.deliver(incoming(order("1", "A", total=total), stamp="2026-10-03T00:00:00Z"))
    assert shop.rows(Version)[1].reason == "same stamp, other content"
    assert [e.act for e in shop.rows(Event)] == ["record.received", "record.conflict"]


def test_a_delivery_may_hold_a_record_twice(shop: Shop) -> None:
    receipt = shop.arrive(
        order("1", "A"), order("1", "A", total="9.00"), order("1", "A", total="9.00")
    )
    assert (receipt.new_records, receipt.new_versions, receipt.unchanged) == (1, 2, 1)
    (record,) = shop.rows(Record)
    assert record.version_id == shop.rows(Version)[-1].id


def test_two_at_once_make_one_record_with_versions_without_gaps(shop: Shop) -> None:
    faults: list[BaseException] = []

    def deliver(total: str) -> None:
        try:
            shop.arrive(*(order(str(n), "A", total=total) for n in range(20)))
        except BaseException as error:  # shown below
            faults.append(error)

    threads = [threading.Thread(target=deliver, args=(f"{n}.00",)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(shop.rows(Record)) == 20
    numbers: dict[int, list[int]] = {}
    for version in shop.rows(Version):
        numbers.setdefault(version.record_id, []).append(version.no)
    assert all(nos == [1, 2, 3, 4] for nos in numbers.values())


def test_a_target_delivers_nothing(shop: Shop) -> None:
    with shop.database.write() as session:
        target = session.query(Connection).filter_by(side="target").one()
        answer = receive(
            session,
            company_id=shop.company.id,
            source_id=target.id,
            delivery_key="k",
            kind="file",
            headers={},
            raw=b"x",
            records=[incoming(order("1", "A"))],
            now=shop.clock.now(),
            programs=shop.programs,
        )
    assert isinstance(answer, Refusal)
    assert answer.code == "delivery.no_source"
    assert shop.rows(Record) == []
