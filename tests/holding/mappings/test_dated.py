"""Entries that count from a day on: fix, preview, history, removal, and what they contradict."""

from datetime import date

import pytest
from sqlalchemy import func, insert, select, update

from holding.db.database import Database
from holding.db.models import (
    Company,
    Event,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    RouteStop,
)
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal
from holding.mappings import entries, fixes, mapping_lists, preview
from holding.mappings.entries import Change, Parsed, Used, with_value
from holding.mappings.fixes import Fixed
from holding.mappings.preview import Preview
from holding.mappings.reclassification import find_contradictions, saved_change
from rules.facts import Entry, Later, World
from tests.holding.evaluation.test_safety import limit
from tests.holding.fixing import blocked_shop, due, fix, rev
from tests.holding.shop import FILES, RULES, Shop, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move

TURN = date(2026, 11, 18)
BEFORE, AFTER = order("NS-1", ordered_on="2026-11-17"), order("NS-2", ordered_on="2026-11-18")


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Two ready orders of C-77, a day apart."""
    found = open_shop(database, company, clock)
    found.publish()
    found.receive(BEFORE, AFTER)
    found.judge()
    return found


def remove(
    shop: Shop,
    key: str,
    *,
    table: str = "debtor",
    since: date = ALWAYS,
    who: str = "farah",
    at: int | None = None,
    op: str | None = None,
) -> Fixed | Refusal:
    revision = rev(shop) if at is None else at
    with shop.database.write() as session:
        return fixes.remove(
            session, shop.actor(who), table, key, "nobody", shop.now, revision, op, since
        )


def history(shop: Shop, key: str = "C-77", table: str = "debtor") -> tuple[Change, ...]:
    with shop.database.read() as session:
        return entries.change_history(session, shop.company.id, table, key)


def customers(shop: Shop) -> dict[str, str]:
    with shop.database.read() as session:
        rows = session.scalars(select(Posting)).all()
        return {row.number: (row.content or {})["fields"]["Customer"] for row in rows}


def refused(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return f"{answer.status} {answer.code}: {answer.message}"


# ---- from a day on -----------------------------------------------------------------------------


def test_records_of_the_day_and_later_get_the_value_and_earlier_ones_keep_theirs(
    shop: Shop,
) -> None:
    done = fix(shop, "debtor", "C-77", "Chong", since=TURN)
    assert isinstance(done, Fixed)
    assert (done.before, done.since, done.woken) == ("", "2026-11-18", 2)
    assert due(shop) == ["NS-1", "NS-2"]
    shop.judge()
    assert customers(shop) == {"NS-1": "Aisyah Rahman", "NS-2": "Chong"}
    assert isinstance(fix(shop, "debtor", "C-77", "Devi"), Fixed)
    shop.judge()
    assert customers(shop) == {"NS-1": "Devi", "NS-2": "Chong"}
    with shop.database.read() as session:
        fixed = select(Event).where(Event.act == "mapping.fixed").order_by(Event.id)
        said = session.scalars(fixed).all()
        assert said[0].body["say"].startswith("Farah set debtor(“C-77”) from 2026-11-18 = Chong (")
        assert said[0].body["since"] == "2026-11-18"
        assert "since" not in said[1].body


def test_each_day_has_its_own_conflict(shop: Shop) -> None:
    seen = rev(shop)
    assert isinstance(fix(shop, "debtor", "C-77", "Chong", since=TURN), Fixed)
    assert isinstance(fix(shop, "debtor", "C-77", "Devi", at=seen), Fixed)
    assert refused(fix(shop, "debtor", "C-77", "Eng", since=TURN, at=seen)).startswith("409 mapp")
    same = refused(fix(shop, "debtor", "C-77", "Chong", since=TURN))
    assert same == "409 mapping.same: The debtor “C-77” from 2026-11-18 is Chong already."


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2100, 1, 1)])
def test_a_day_that_nobody_means_is_refused(shop: Shop, day: date) -> None:
    assert refused(fix(shop, "debtor", "C-77", "Chong", since=day)).startswith("422 mapping.since")


def test_a_preview_and_the_list_of_contradictions_look_at_the_day(shop: Shop) -> None:
    with shop.database.write() as session, any_move(session):
        session.execute(update(Posting).values(state="posted"))
    with shop.database.read() as session:
        found = preview.preview_entry(
            session, shop.company.id, "debtor", "C-77", "Chong", shop.now, TURN
        )
        assert isinstance(found, Preview)
    assert [one.number for one in found.contradicted.documents] == ["NS-2"]
    done = fix(shop, "debtor", "C-77", "Chong", since=TURN)
    assert isinstance(done, Fixed)
    with shop.database.read() as session:
        change = saved_change(session, shop.company.id, done.revision)
        assert change is not None
        told = find_contradictions(session, change)
    assert [(one.number, one.moved[0].after) for one in told.documents] == [("NS-2", "Chong")]
    assert told.used == 2


def test_each_change_knows_what_counted_for_its_days_before(shop: Shop) -> None:
    dated = fix(shop, "debtor", "C-77", "Chong", since=TURN)
    whole = fix(shop, "debtor", "C-77", "Devi")
    assert isinstance(dated, Fixed)
    assert isinstance(whole, Fixed)
    with shop.database.read() as session:
        first = saved_change(session, shop.company.id, dated.revision)
        second = saved_change(session, shop.company.id, whole.revision)
    assert first is not None
    assert (first.before, first.since) == (None, TURN)
    assert second is not None
    assert second.before is not None
    assert (second.before.text, second.since) == ("Aisyah Rahman", ALWAYS)


def test_another_value_in_memory_leaves_the_other_keys_of_its_day() -> None:
    later = (
        Later(TURN, "debtor", "C-77", Entry(1, "A")),
        Later(TURN, "debtor", "C-78", Entry(2, "B")),
    )
    world = World.build(1, {"debtor": {}}, {}, {}, later)
    other = with_value(world, "map", "debtor", "C-77", Parsed("C"), TURN).at(TURN)
    assert {k: e.value for k, e in other.maps["debtor"].entries.items()} == {
        "C-77": "C",
        "C-78": "B",
    }
    gone = with_value(world, "map", "debtor", "C-77", None, TURN).at(TURN)
    assert set(gone.maps["debtor"].entries) == {"C-78"}


def test_a_conversion_counts_from_a_day_too(shop: Shop) -> None:
    assert isinstance(fix(shop, "units", "CTN|TEA-1", "48 PCS", since=TURN), Fixed)
    shop.judge()
    with shop.database.read() as session:
        rows = session.scalars(select(Posting).order_by(Posting.number)).all()
        told = [(row.content or {})["lines"][0]["Quantity"] for row in rows]
    assert told == ["80", "96"]


def test_a_change_from_a_day_on_that_moves_too_much_stops_the_route(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = blocked_shop(open_shop(database, company, clock))
    limit(shop, records=2)
    assert isinstance(fix(shop, "item", "AB-100", "TEA-1", since=date(2026, 11, 1)), Fixed)
    shop.judge()
    with shop.database.read() as session:
        [stop] = session.scalars(select(RouteStop)).all()
    assert (stop.state, stop.records) == ("stopped", 3)


# ---- history -----------------------------------------------------------------------------------


def test_the_history_has_each_change_with_who_when_why_and_who_used_it(shop: Shop) -> None:
    fix(shop, "debtor", "C-77", "Chong", since=TURN, reason="sold", who="adam")
    shop.judge()
    fix(shop, "debtor", "C-77", "Devi", since=TURN, reason="misspelt")
    told = [
        (one.value, one.before, one.since, one.by, one.reason, one.used.records, one.in_force)
        for one in history(shop)
    ]
    assert told == [
        ("Devi", "Chong", TURN, "Farah", "misspelt", 0, True),
        ("Chong", "", TURN, "Adam", "sold", 1, False),
        ("Aisyah Rahman", "", None, "Pua", "published with the rules", 1, True),
    ]
    assert history(shop)[0].at == shop.now
    assert history(shop, "C-99") == ()
    with shop.database.read() as session:
        assert entries.change_history(session, shop.company.id + 1, "debtor", "C-77") == ()
        assert entries.usage_by_day(session, shop.company.id + 1, "debtor", "C-77") == {}


def test_of_many_documents_only_the_first_are_looked_at(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST", 2)
    assert history(shop)[0].used == Used(2)
    shop.receive(order("NS-3"))
    shop.judge()
    assert history(shop)[0].used == Used(2, more=True)
    with shop.database.read() as session:
        users = entries.usage_by_day(session, shop.company.id, "debtor", "C-77")
    assert users == {ALWAYS: Used(2, more=True)}
    said = refused(remove(shop, "C-77"))
    assert said.endswith("because more than 2 records used it."), said
    fix(shop, "debtor", "C-77", "Chong", since=TURN)
    shop.judge()  # those of the day and later use the new one instead
    assert [one.used for one in history(shop)] == [Used(2), Used(1)]


def test_a_record_counts_once_however_many_of_its_documents_used_an_entry(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.database.write() as session:
        [entry] = session.scalars(
            select(MappingEntry.id)
            .join(MappingTable)
            .where(MappingTable.name == "debtor", MappingEntry.key == "C-77")
        )
        first = session.scalars(select(Posting).order_by(Posting.id)).first()
        assert first is not None
        again = {c.name: getattr(first, c.name) for c in Posting.__table__.c}
        del again["id"]
        session.execute(insert(Posting).values(again | {"seq": 9, "number": "X"}))
        other = session.scalar(select(func.max(Posting.id)))
        session.execute(insert(PostingUse).values(entry_id=entry, posting_id=other))
    assert history(shop)[0].used == Used(2)
    monkeypatch.setattr(entries, "MOST", 2)
    assert history(shop)[0].used == Used(1, more=True), "there are two: more than one"


def test_the_list_of_a_table_has_every_day_of_a_key_and_goes_on_after_it(shop: Shop) -> None:
    fix(shop, "debtor", "C-77", "Chong", since=TURN)
    with shop.database.read() as session:
        of = shop.company.id
        listed = mapping_lists.entries(session, of, "debtor")
        rest = mapping_lists.entries(session, of, "debtor", after="C-77")
        last = mapping_lists.entries(session, of, "debtor", after="C-77", since=TURN)
    every = [("C-77", None), ("C-77", TURN), ("C-78", None)]
    assert [(row.key, row.since) for row in listed] == every
    assert [(row.key, row.since) for row in rest] == every[1:]
    assert [(row.key, row.since) for row in last] == every[2:]


# ---- removal -----------------------------------------------------------------------------------


def test_what_records_used_stays_and_says_how_many(shop: Shop) -> None:
    taken = rev(shop)
    assert refused(remove(shop, "C-77")) == (
        "409 mapping.used: You cannot remove the debtor “C-77”, because 2 records used it."
    )
    assert rev(shop) == taken
    fix(shop, "debtor", "C-77", "Chong")  # the value of then was used, whatever it is now
    assert "2 records used it" in refused(remove(shop, "C-77"))
    shop.receive(order("NS-3"))
    shop.judge()
    assert "3 records used it" in refused(remove(shop, "C-77"))


def test_what_nobody_used_goes_and_a_record_that_needs_it_is_held(shop: Shop) -> None:
    done = remove(shop, "C-78", op="form-1")
    assert isinstance(done, Fixed)
    assert (done.value, done.before, done.woken) == ("", "Boon & Co", 0)
    assert remove(shop, "C-78", op="form-1", at=done.revision - 1) == done
    assert [(one.value, one.before, one.in_force) for one in history(shop, "C-78")] == [
        ("", "Boon & Co", False),
        ("Boon & Co", "", False),
    ]
    with shop.database.read() as session:
        [said] = session.scalars(select(Event).where(Event.act == "mapping.removed")).all()
        assert said.body["say"] == (
            "Farah removed debtor(“C-78”), before Boon & Co (nobody); 0 records are checked again."
        )
        [table] = [t for t in mapping_lists.tables(session, shop.company.id) if t.name == "debtor"]
        assert table.entries == 1
    shop.receive(order("NS-3", customer="C-78"))
    shop.judge()
    with shop.database.read() as session:
        assert shop.record(session, "NS-3").state == "held"
    assert (
        refused(remove(shop, "C-78")) == "409 mapping.same: The debtor “C-78” is removed already."
    )
    assert isinstance(fix(shop, "debtor", "C-78", "Boon & Co"), Fixed)


def test_a_publish_does_not_bring_back_what_a_person_removed(shop: Shop) -> None:
    assert isinstance(remove(shop, "C-78"), Fixed)
    told = shop.publish({**FILES, "shop.rules": RULES.replace('"Accounts team"', '"Accounts"')})
    assert [one.said for one in told.seeded.differences] == [
        "kept debtor('C-78') = removed; the files say Boon & Co"
    ]
    assert history(shop, "C-78")[0].value == ""


def test_a_publish_compares_its_files_with_what_counts_for_all_days(shop: Shop) -> None:
    assert isinstance(fix(shop, "debtor", "C-77", "Chong", since=TURN), Fixed)
    told = shop.publish({**FILES, "shop.rules": RULES.replace('"Accounts team"', '"Accounts"')})
    assert told.seeded.differences == ()


def test_records_of_earlier_days_that_miss_an_entry_keep_none_of_a_later_day(shop: Shop) -> None:
    later = date(2026, 12, 1)
    assert isinstance(fix(shop, "debtor", "C-79", "Chong", since=later), Fixed)
    shop.receive(order("NS-3", customer="C-79"))
    shop.judge()
    with shop.database.read() as session:
        assert shop.record(session, "NS-3").state == "held"
    assert isinstance(remove(shop, "C-79", since=later), Fixed)


def test_without_the_value_of_a_day_the_one_before_counts_again(shop: Shop) -> None:
    later = date(2026, 12, 1)
    assert isinstance(fix(shop, "debtor", "C-77", "Chong", since=later), Fixed)
    assert isinstance(remove(shop, "C-77", since=later), Fixed)
    shop.receive(order("NS-3", ordered_on="2026-12-02"))
    shop.judge()
    assert customers(shop)["NS-3"] == "Aisyah Rahman"


def test_two_spellings_are_not_settled_by_removing_one(shop: Shop) -> None:
    assert isinstance(fix(shop, "debtor", "c-79", "Chong"), Fixed)
    assert isinstance(fix(shop, "debtor", "C-79", "Devi"), Fixed)
    shop.receive(order("NS-3", customer="C-79"), order("NS-4", customer="C-79"))
    shop.judge()
    assert refused(remove(shop, "c-79")) == (
        "409 mapping.ambiguous: You cannot remove the debtor “c-79”, because 2 records are on hold"
        " until its spellings agree."
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"key": "C-99"}, "404 mapping.unknown"),
        ({"key": "C-78", "since": TURN}, "404 mapping.unknown"),
        ({"key": "C-78", "table": "nothing"}, "404 mapping.unknown"),
        ({"key": "C-78", "who": "vera"}, "403 "),
    ],
)
def test_who_may_not_and_what_is_not_there(shop: Shop, given: dict[str, object], told: str) -> None:
    assert refused(remove(shop, **given)).startswith(told)  # type: ignore[arg-type]


def test_a_removal_with_an_old_form_is_a_conflict(shop: Shop) -> None:
    seen = rev(shop)
    fix(shop, "debtor", "C-78", "Chong", who="adam")
    assert "was set to Chong by Adam meanwhile; you wanted it removed." in refused(
        remove(shop, "C-78", at=seen)
    )
