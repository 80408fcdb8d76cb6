"""Stored judgings on their way out: each record once, with the world of then, and no one else's."""

import json
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from holding.db.models import Posting, Record
from holding.programs import posted_differences
from portal.backtest.record_files import write
from rules.values.canonical import PostingState
from tests.support.databases import any_move
from tests.support.factories import make_company
from tests.support.shop import Shop, order


def judgings(shop: Shop, **days: date) -> list[posted_differences.Judging]:
    with shop.database.read() as session:
        return list(posted_differences.past_judgings(session, shop.company.id, **days))


def test_each_record_stands_there_once_as_it_was_judged_last(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A", "B"), order("3", "A", status="draft"))
    shop.judge()
    first = judgings(shop)
    assert [(one.body or {})["number"] for one in first] == ["1", "2", "3"]
    assert [set(one.states.values()) for one in first] == [{"ready"}, {"held"}, {"waiting"}]
    revision = first[0].revision
    shop.map("B")
    shop.judge()
    again = {(one.body or {})["number"]: one for one in judgings(shop)}
    assert {number: one.revision - revision for number, one in again.items()} == {
        "1": 0,
        "2": 1,
        "3": 0,
    }
    assert set(again["2"].states.values()) == {"ready"}
    assert again["1"].facts["first_seen"]


def test_only_the_days_that_are_asked_for_and_only_this_company(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A"))
    shop.judge()
    with shop.database.write() as session:
        session.query(Record).filter_by(number="1").update({"doc_date": date(2026, 10, 31)})
        session.query(Record).filter_by(number="2").update({"doc_date": date(2026, 11, 1)})
        other = make_company(session, code="other")
    assert len(judgings(shop)) == 2
    assert [(one.body or {})["number"] for one in judgings(shop, first=date(2026, 11, 1))] == ["2"]
    assert [(one.body or {})["number"] for one in judgings(shop, last=date(2026, 10, 31))] == ["1"]
    with shop.database.read() as session:
        assert list(posted_differences.past_judgings(session, other.id)) == []


def test_more_records_take_pages_not_statements_for_each(shop: Shop, statements: list[str]) -> None:
    shop.map("A")
    shop.arrive(*(order(str(n), "A") for n in range(60)))
    shop.judge()
    del statements[:]
    assert len(judgings(shop)) == 60
    assert len(statements) < 10


def test_a_world_line_says_what_its_revision_changed(shop: Shop, tmp_path: Path) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A", "B"))
    shop.judge()
    shop.map("B")
    shop.judge()
    with shop.database.read() as session:
        company_id = shop.company.id
        written = write(
            tmp_path,
            posted_differences.past_judgings(session, company_id),
            stand=lambda revision: posted_differences.stand(session, company_id, revision),
            targets=posted_differences.target_words(session, company_id),
        )
    assert (written.records, written.gone) == (2, 0)
    first, second = _rows(tmp_path / "worlds.jsonl")
    assert {key for rows in first["maps"].values() for key in rows} == {"A"}
    assert {key for rows in second["maps"].values() for key in rows} == {"B"}
    records = _rows(tmp_path / "records.jsonl")
    assert [row["revision"] for row in records] == [first["revision"], second["revision"]]
    assert records[0]["known"] == []
    assert [row["body"]["number"] for row in records] == ["1", "2"]


def test_what_is_no_longer_kept_is_counted(shop: Shop, tmp_path: Path) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    found = posted_differences.Judging(
        "order", "s", 1, shop.clock.now(), 1, frozenset(), {}, None, {}
    )
    written = write(tmp_path, [found], stand=lambda _: _never(), targets={})
    assert (written.records, written.gone) == (0, 1)


def test_of_several_postings_of_a_route_the_posted_one_counts(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    (posting,) = shop.rows(Posting)
    with shop.database.write() as session:
        row = session.get_one(Posting, posting.id)
        with any_move(session):
            row.state = PostingState.POSTED
        columns = {c.name: getattr(row, c.name) for c in Posting.__table__.columns}
        session.add(Posting(**{**columns, "id": None, "seq": 2, "state": "held"}))
    (one,) = judgings(shop)
    assert one.states == {posting.route: "posted"}


def _never() -> NoReturn:
    raise AssertionError


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
