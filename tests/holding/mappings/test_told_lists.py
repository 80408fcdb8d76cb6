"""Lists that a target tells itself: their plan, page by page over crashes, and what is kept."""

from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from connectors import registry
from connectors.contract import Found, targets
from connectors.contract.targets import ListEntry, ListPage, Pace
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections.connections import pause
from holding.db.models import Connection, Event, ListedCode, ListPart, ListReading, Throttle
from holding.db.models.columns import ListKind
from holding.db.refusal import Refusal
from holding.mappings import list_files, list_sources, list_storage, list_turns, reported_lists
from holding.mappings.list_rows import ListRow
from holding.mappings.list_turns import ReadingRow
from holding.rulesets import new_connections
from tests.holding.desks import KEYS
from tests.holding.mappings.listing import aiaccount_of, tell_as_aiaccount
from tests.holding.shop import Shop
from tests.support.factories import connection_named

A_DAY = timedelta(days=1)


class Telling:
    """AiAccount, if it told customers: a page of two entries at a time."""

    pace = Pace(per_minute=600, to_send=1, to_look=1)
    lists = ("customer",)
    form = replace(
        registry.targets()["aiaccount"].form,
        settings=(*registry.targets()["aiaccount"].form.settings, *targets.SETTINGS),
    )

    def __init__(self) -> None:
        self.told = {f"C-{no}": ListEntry(f"C-{no}", f"Customer {no}") for no in range(1, 6)}
        self.asked: list[str] = []
        self.answer: Any = None

    def list_page(self, kind: str, after: str, *_: object) -> Any:
        self.asked.append(after)
        if self.answer is not None:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer
        begin, entries = int(after or 0), tuple(self.told.values())
        more = begin + 2 < len(entries)
        return ListPage(entries[begin : begin + 2], str(begin + 2) if more else "")

    def __getattr__(self, name: str) -> Any:
        return getattr(REAL, name)


REAL = registry.targets()["aiaccount"]


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Telling:
    return tell_as_aiaccount(monkeypatch, Telling())


def arrange(shop: Shop) -> None:
    with shop.database.write() as session:
        list_turns.start_readings(session, shop.clock.now())


def read(shop: Shop, owner: str = "one") -> int:
    return reported_lists.read_due(
        shop.database,
        shop.clock,
        company_id=shop.company.id,
        owner=owner,
        http=Http(shop.clock),
        keys=KEYS,
        lease_seconds=30,
    ).pages


def row(shop: Shop) -> ReadingRow:
    with shop.database.read() as session:
        [found] = list_turns.of_target(session, aiaccount_of(shop))
        return found


def due(shop: Shop) -> list[int]:
    with shop.database.read() as session:
        return list_turns.due_companies(session, shop.clock.now())


def live(shop: Shop) -> dict[str, str]:
    with shop.database.read() as session:
        query = select(ListedCode.code, ListedCode.name).where(ListedCode.to_file_id.is_(None))
        return {row.code: row.name for row in session.execute(query.order_by(ListedCode.code))}


def says(shop: Shop, act: str) -> list[str]:
    with shop.database.read() as session:
        query = select(Event.body).where(Event.act == act).order_by(Event.id)
        return [body["say"] for body in session.scalars(query)]


def parts(shop: Shop) -> int:
    with shop.database.read() as session:
        return len(session.scalars(select(ListPart.no)).all())


def test_a_list_is_read_page_by_page_and_kept_as_of_the_day(shop: Shop, target: Telling) -> None:
    assert due(shop) == []
    arrange(shop)
    assert due(shop) == [shop.company.id]
    assert read(shop) == 3
    assert target.asked == ["", "2", "4"]
    assert live(shop) == {f"C-{no}": f"Customer {no}" for no in range(1, 6)}
    found = row(shop)
    assert (found.done_at, found.done_found, found.pages) == (shop.clock.now(), 5, 0)
    assert (due(shop), parts(shop)) == ([], 0)
    assert says(shop, "list.told") == [
        "aiaccount told its customers: 5 entries; 5 added, 0 changed, 0 gone."
    ]
    arrange(shop)
    assert row(shop) == found


@pytest.mark.parametrize("field", ["tin", "registration"])
def test_a_number_that_the_target_tells_of_nobody_stays_as_a_person_gave_it_in(
    shop: Shop, target: Telling, field: str
) -> None:
    """QuickBooks and AutoCount list no TIN: the file that had them is not worth less for that."""
    given = [ListRow("C-1", "Old", "C2584563202", "201901000005", active=True)]
    with shop.database.write() as session:
        connection = session.get_one(Connection, aiaccount_of(shop))
        now = shop.clock.now()
        keep = partial(list_storage.store_list, session, SYSTEM, connection, ListKind.CUSTOMER)
        keep("customers.xlsx", "0" * 64, given, as_of=now.date(), now=now)

    def numbers() -> dict[str, str]:
        with shop.database.read() as session:
            query = select(ListedCode).where(ListedCode.to_file_id.is_(None))
            return {one.code: getattr(one, field) for one in session.scalars(query)}

    before = numbers()["C-1"]
    assert before
    arrange(shop)
    read(shop)
    assert live(shop)["C-1"] == "Customer 1"
    assert numbers() == {code: before if code == "C-1" else "" for code in target.told}

    number: Any = {field: "202301000001"}
    target.told["C-2"] = replace(target.told["C-2"], **number)
    shop.clock.advance(A_DAY.total_seconds())
    read(shop)
    assert numbers()["C-1"] == "", "it tells them now, and that this one has none"
    assert numbers()["C-2"]


def test_a_sku_is_kept_and_a_page_from_before_skus_were_read_has_none(
    shop: Shop, target: Telling
) -> None:
    target.told["C-1"] = replace(target.told["C-1"], sku=" SKU-1\x07")
    target.told["C-3"] = replace(target.told["C-3"], sku="SKU-3")
    target.told["C-5"] = replace(target.told["C-5"], sku="SKU-5")
    arrange(shop)

    def page(kind: str, after: str, *_: object) -> object:
        if after == "2":  # the first page was kept by the program before
            with shop.database.write() as session:
                part = session.scalars(select(ListPart)).one()
                part.rows = [row[:5] for row in part.rows]
        return Telling.list_page(target, kind, after)

    target.list_page = page  # type: ignore[method-assign]
    assert read(shop) == 3
    with shop.database.read() as session:
        found = {one.code: (one.sku, one.sku_key) for one in session.scalars(select(ListedCode))}
    assert found["C-1"] == ("", "")
    assert found["C-3"] == ("SKU-3", "sku3")
    assert found["C-5"] == ("SKU-5", "sku5")


def test_the_next_night_what_changed_is_a_list_of_that_day_and_the_same_is_none(
    shop: Shop, target: Telling
) -> None:
    arrange(shop)
    read(shop)
    at = row(shop).due_at
    assert at is not None
    here = at.astimezone(ZoneInfo("Asia/Kuala_Lumpur"))
    assert (here.hour, here.minute, timedelta() < at - shop.clock.now() <= A_DAY) == (1, 30, True)
    shop.clock.advance(A_DAY.total_seconds())
    assert read(shop) == 3
    with shop.database.read() as session:
        assert len(list_files.list_uploads(session, shop.company.id)) == 1
    assert row(shop).done_at == shop.clock.now()
    target.told["C-2"] = ListEntry("C-2", "Boon", active=False)
    target.told["C-9"] = ListEntry("C-9", "Tan")
    del target.told["C-5"]
    shop.clock.advance(A_DAY.total_seconds())
    read(shop)
    shop.clock.advance(60)
    read(shop)  # what is missing counts when it is missing twice
    with shop.database.read() as session:
        newest, _ = list_files.list_uploads(session, shop.company.id)
        assert (newest.added, newest.changed, newest.gone, newest.told) == (1, 1, 1, True)
        told = list_files.file_changes(session, shop.company.id, newest.file_id, 9)
    assert told is not None
    assert [(one.what, one.row.code) for one in told[1]] == [
        ("Changed", "C-2"),
        ("Gone", "C-5"),
        ("Added", "C-9"),
    ]


def test_a_list_that_lacks_what_stood_counts_when_a_second_reading_lacks_the_same(
    shop: Shop, target: Telling
) -> None:
    """Some are gone, or some moved between two pages: nobody knows after one reading."""
    arrange(shop)
    read(shop)
    whole, told = live(shop), dict(target.told)
    del target.told["C-2"], target.told["C-5"]
    shop.clock.advance(A_DAY.total_seconds())
    read(shop)
    words = "aiaccount told 3 customers, and 2 that stood are missing: C-2, C-5. They stay until a"
    assert live(shop) == whole
    assert (row(shop).wrong or "").startswith(words)
    assert says(shop, "lists.failed") == [
        f"The customers of aiaccount stay as they were. {words} second reading lacks the same."
    ]
    del target.told["C-3"]
    target.told["C-2"] = told["C-2"]
    shop.clock.advance(60)
    read(shop)
    assert live(shop) == whole, "others are missing now: that is another reading once"
    target.told = dict(told)
    shop.clock.advance(120)
    read(shop)
    assert (live(shop), row(shop).wrong) == (whole, None)
    assert len(says(shop, "list.told")) == 1, "nothing is gone"

    del target.told["C-3"]
    shop.clock.advance(A_DAY.total_seconds())
    read(shop)
    assert live(shop) == whole, "a doubt of before says nothing of today"
    shop.clock.advance(60)
    read(shop)
    assert live(shop).keys() == whole.keys() - {"C-3"}
    assert says(shop, "list.told")[1:] == [
        "aiaccount told its customers: 4 entries; 0 added, 0 changed, 1 gone. Gone: C-3."
    ]


def test_who_is_killed_in_the_middle_is_followed_at_the_next_page(
    shop: Shop, target: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange(shop)
    whole, calls = target.list_page, []

    def killed(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*given)

    monkeypatch.setattr(target, "list_page", killed)
    with pytest.raises(KeyboardInterrupt):
        read(shop, "killed")
    assert (row(shop).pages, parts(shop), live(shop)) == (1, 1, {})
    assert due(shop) == []  # its lease
    shop.clock.advance(31)
    assert read(shop, "next") == 2
    assert target.asked == ["", "2", "4"]
    assert len(live(shop)) == 5


def test_who_lost_its_turn_meanwhile_keeps_nothing(
    shop: Shop, target: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange(shop)
    whole, slow = target.list_page, [True]

    def overtaken(*given: Any) -> Any:
        if slow.pop() if slow else False:
            shop.clock.advance(31)
            read(shop, "faster")
        return whole(*given)

    monkeypatch.setattr(target, "list_page", overtaken)
    read(shop, "slow")
    assert len(live(shop)) == 5
    assert (parts(shop), row(shop).pages) == (0, 0)
    assert len(says(shop, "list.told")) == 1


def test_without_an_answer_it_asks_ever_less_often_and_the_list_stays(
    shop: Shop, target: Telling
) -> None:
    arrange(shop)
    read(shop)
    shop.clock.advance(A_DAY.total_seconds())
    target.answer = Found(kind="unknown", words="It is away.")
    for seconds in (60, 120, 240):
        assert read(shop) == 1
        found = row(shop)
        assert found.due_at == shop.clock.now() + timedelta(seconds=seconds)
        assert (found.wrong, len(live(shop))) == ("It is away.", 5)
        shop.clock.advance(seconds)
    words = "The customers of aiaccount stay as they were. It is away."
    assert says(shop, "lists.failed") == [words]
    target.answer = None
    assert read(shop) == 3
    assert (row(shop).wrong, row(shop).wrong_since) == (None, None)
    assert says(shop, "lists.read") == ["The lists of aiaccount can be read again."]


@pytest.mark.parametrize("answer", [None, Found(kind="unknown", words="It is away.")])
def test_changed_settings_put_off_no_list_that_could_not_be_read(
    shop: Shop, target: Telling, answer: Found | None
) -> None:
    """Only the hour of a complete list moves to the night."""
    arrange(shop)
    target.answer = answer
    assert read(shop) == (3 if answer is None else 1)
    with shop.database.write() as session:
        connection = session.get_one(Connection, aiaccount_of(shop))
        new_connections.change_settings(
            session, SYSTEM, connection.id, {targets.READ_AT: "03:00"}, now=shop.clock.now()
        )
        tonight = list_turns.next_at(session, connection, shop.clock.now())
    assert row(shop).due_at == (tonight if answer is None else shop.clock.now())


def test_a_list_that_was_never_read_stays_due_when_settings_change(
    shop: Shop, target: Telling
) -> None:
    arrange(shop)
    with shop.database.write() as session:
        list_turns.reschedule(session, aiaccount_of(shop), shop.clock.now())
    assert due(shop) == [shop.company.id]


def test_it_goes_on_asking_each_quarter_of_an_hour_however_long_there_is_no_answer(
    shop: Shop, target: Telling
) -> None:
    arrange(shop)
    target.answer = Found(kind="unknown", words="It is away.")
    read(shop)
    for tries in (4, 41, 2_000):
        with shop.database.write() as session:
            session.execute(update(ListReading).values(due_at=shop.clock.now(), tries=tries))
        assert read(shop) == 1
        assert row(shop).due_at == shop.clock.now() + timedelta(minutes=15)


def test_a_target_that_has_enough_of_us_is_left_alone(shop: Shop, target: Telling) -> None:
    arrange(shop)
    target.answer = Found(kind="unknown", words="Too many.", status=429, retry_after=300)
    assert read(shop) == 1
    assert row(shop).due_at == shop.clock.now() + timedelta(seconds=300)
    with shop.database.read() as session:
        throttle = session.get_one(Throttle, aiaccount_of(shop))
        assert throttle.filled_at == shop.clock.now() + timedelta(seconds=300)


def test_pages_of_lists_count_with_the_other_connections_of_the_account(
    shop: Shop, target: Telling
) -> None:
    """The oldest connection to a company there keeps the count, and each of them rests."""
    target.pace = Pace(per_minute=600, to_send=1, to_look=1, counted_by="company_id")
    with shop.database.write() as session:
        mine = connection_named(session, shop.company, "aiaccount")
        older = connection_named(session, shop.company, "netshop")
        older.side, older.connector = "target", "aiaccount"
        older.settings = {"company_id": mine.settings["company_id"]}
        session.add(Throttle(connection_id=older.id))
        rests, counts = mine.id, older.id
    arrange(shop)
    read(shop)
    with shop.database.read() as session:
        assert session.get_one(Throttle, counts).tokens == 600 * 15 // 100 - len(target.asked)
        assert session.get_one(Throttle, rests).tokens == 0
    shop.clock.advance(2 * 86_400)
    arrange(shop)
    with shop.database.write() as session:
        session.execute(update(ListReading).values(due_at=shop.clock.now()))
    target.answer = Found(kind="unknown", words="Too many.", status=429, retry_after=300)
    read(shop)
    with shop.database.read() as session:
        until = {session.get_one(Throttle, one).filled_at for one in (counts, rests)}
    assert until == {shop.clock.now() + timedelta(seconds=300)}


def test_it_waits_for_the_limit_of_calls(shop: Shop, target: Telling) -> None:
    target.pace = Pace(per_minute=10, to_send=1, to_look=1)
    target.told = {f"C-{no}": ListEntry(f"C-{no}", "") for no in range(30)}
    arrange(shop)
    read(shop)
    first = len(target.asked)
    assert 0 < first < 10
    found = row(shop)
    assert (found.pages, found.wrong) == (first, None)
    for _ in range(40):
        shop.clock.advance(10)
        read(shop)
    assert target.asked == ["", *(str(at) for at in range(2, 30, 2))]
    assert len(live(shop)) == 30


@pytest.mark.parametrize(
    ("entries", "words"),
    [((), "told no customer at all, and 5 customers stood"), (("a\nb",), "is not a code")],
)
def test_an_answer_that_cannot_be_meant_leaves_the_list(
    shop: Shop, target: Telling, entries: tuple[str, ...], words: str
) -> None:
    arrange(shop)
    read(shop)
    shop.clock.advance(A_DAY.total_seconds())
    target.answer = ListPage(tuple(ListEntry(code, "x") for code in entries), "")
    assert read(shop) == 1
    assert words in str(row(shop).wrong)
    assert (len(live(shop)), row(shop).pages, parts(shop)) == (5, 0, 0)


def test_an_empty_list_at_first_is_an_answer(shop: Shop, target: Telling) -> None:
    target.told = {}
    arrange(shop)
    assert read(shop) == 1
    assert (row(shop).done_found, row(shop).wrong, live(shop)) == (0, None, {})


def test_no_reading_before_the_test_passed_nor_while_paused_or_away(
    shop: Shop, target: Telling
) -> None:
    mine = aiaccount_of(shop)
    with shop.database.write() as session:
        session.execute(update(Connection).values(untested_since=shop.clock.now()))
    arrange(shop)
    with shop.database.write() as session:
        assert list_turns.of_target(session, mine) == ()
        session.execute(update(Connection).values(untested_since=None))
    arrange(shop)
    with shop.database.write() as session:
        throttle = session.get(Throttle, mine) or Throttle(connection_id=mine)
        throttle.breaker = "open"  # type: ignore[assignment]
        session.add(throttle)
    assert (read(shop), target.asked) == (1, [])
    assert row(shop).due_at == shop.clock.now() + reported_lists.AWAY
    with shop.database.write() as session:
        session.get_one(Throttle, mine).breaker = "closed"  # type: ignore[assignment]
        pause(session, SYSTEM, mine, "stocktaking", now=shop.clock.now())
    shop.clock.advance(600)
    assert (due(shop), read(shop)) == ([], 0)


def set_plan(shop: Shop, **settings: str) -> None:
    with shop.database.write() as session:
        told = new_connections.change_settings(
            session, shop.actor("adam"), aiaccount_of(shop), settings, now=shop.clock.now()
        )
        assert not isinstance(told, Refusal), told


def test_the_plan_follows_the_settings_and_a_person_may_ask_at_once(
    shop: Shop, target: Telling
) -> None:
    arrange(shop)
    read(shop)
    set_plan(shop, lists_read="weekly", lists_read_at="23:00")
    at = row(shop).due_at
    assert at is not None
    assert timedelta(days=6) < at - shop.clock.now() <= timedelta(days=7)
    assert at.astimezone(ZoneInfo("Asia/Kuala_Lumpur")).hour == 23
    set_plan(shop, lists_read="off")
    assert row(shop).due_at is None
    with shop.database.write() as session:
        refused = list_turns.read_now(
            session, shop.actor("vera"), aiaccount_of(shop), shop.clock.now()
        )
    assert isinstance(refused, Refusal)
    assert refused.status == 403
    with shop.database.write() as session:
        now = shop.clock.now()
        assert list_turns.read_now(session, shop.actor("adam"), aiaccount_of(shop), now) is None
    assert read(shop) == 3
    assert row(shop).due_at is None
    assert "Adam had the lists of aiaccount read at once." in says(shop, "lists.asked")


@pytest.mark.parametrize(("every", "days"), [("nightly", [1, 1, 1]), ("weekly", [7, 7, 7])])
def test_what_is_read_at_its_hour_is_read_again_at_the_same_hour_of_the_same_day(
    shop: Shop, target: Telling, every: str, days: list[int]
) -> None:
    """A weekly list comes on the same day of the week, for years."""
    arrange(shop)
    read(shop)
    set_plan(shop, lists_read=every, lists_read_at="01:30")
    moments = []
    for _ in range(4):
        due = row(shop).due_at
        assert due is not None
        moments.append(due)
        shop.clock.set(due + timedelta(seconds=20))
        assert read(shop) == 3
    assert [(b - a).days for a, b in pairwise(moments)] == days


def test_a_list_that_should_have_been_read_is_told_as_old(shop: Shop, target: Telling) -> None:
    arrange(shop)
    read(shop)

    def told(after: timedelta) -> str:
        with shop.database.read() as session:
            now = shop.clock.now() + after
            found = list_sources.list_sources(session, shop.company.id, now)
        [one] = [one for one in found if one.kind == "customer"]
        assert one.old == ("old:" in one.says(now.date()))
        return one.says(now.date())

    read_at = shop.clock.now().astimezone(UTC)
    assert told(A_DAY) == f"5 customers, told by it, read {read_at:%Y-%m-%d %H:%M} UTC"
    assert told(timedelta(hours=37)).endswith("old: it should have been read since")
    set_plan(shop, lists_read="off")
    assert "should have been" not in told(timedelta(days=90))


def test_what_is_unpaid_and_not_listed_is_told(shop: Shop) -> None:
    """AiAccount takes payments and lists no invoices: without a file nothing is compared."""
    with shop.database.read() as session:
        found = list_sources.list_sources(session, shop.company.id)
        told = {one.kind: one.says(shop.now.date()) for one in found if one.unpaid}
    assert told == {
        kind: f"no list of {kind}s; payments are not compared with what is left to pay"
        for kind in ("unpaid invoice", "unpaid bill")
    }


def test_a_reading_of_a_removed_connector_ends(
    shop: Shop, target: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange(shop)
    monkeypatch.setattr(registry, "targets", dict)
    assert read(shop) == 1
    with shop.database.read() as session:
        assert session.scalars(select(ListReading.due_at)).all() == [None]
