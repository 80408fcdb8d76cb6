"""Nothing is sent for a company before it goes live; then from its cutover on."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, select, update

from holding.access.actors import Actor
from holding.company import dry_run, going_live
from holding.company.going_live import Checklist, Connected, Step, Waiting, checklist
from holding.db.database import Database
from holding.db.models import (
    Company,
    Connection,
    Delivery,
    Event,
    Membership,
    Posting,
    Record,
    RouteStop,
    RulesetVersion,
    Run,
    Schedule,
    Snapshot,
)
from holding.db.refusal import Refusal, check_figure
from holding.posting.claims import companies_due
from holding.runs import schedules
from tests.holding.pushing import Lane
from tests.holding.shop import FILES, Shop, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.pills import pill as pill_of
from tests.support.postings import NOW

DAY = date(2026, 11, 18)


FIGURE = check_figure({"": 19200})


def set_up(database: Database, company: Company, **values: object) -> None:
    with database.write() as session:
        given = {"live": False, **values}
        session.execute(update(Company).where(Company.id == company.id).values(**given))


def admin(company: Company) -> Actor:
    return Actor(None, "Tan Mei Ling", "meiling@kedai.my", company.id, frozenset({"admin"}))


def test_while_nobody_can_publish_the_draft_the_next_step_is_people() -> None:
    proved = (Connected("netshop", "netshop", NOW),)
    begun = Checklist(
        sources=proved,
        targets=proved,
        ruleset_no=None,
        published_at=None,
        change=None,
        people=1,
        publishers=(),
        approvers=(),
        mapped=0,
        missing=0,
        checked=0,
        to_check=0,
        dry_run=None,
        closed_through=None,
        starts_on=None,
    )
    assert begun.current == Step.RULES
    drafted = replace(begun, change=Waiting(1, "Rules", None, None))
    assert drafted.current == Step.PEOPLE
    assert replace(drafted, people=2, publishers=("Lim",)).current == Step.RULES


def test_a_company_that_is_there_is_live(database: Database, company: Company) -> None:
    with database.read() as session:
        assert session.get_one(Company, company.id).live


def test_a_ready_document_waits_until_go_live(lane: Lane) -> None:
    set_up(lane.database, lane.company)
    [mine] = lane.ready("IV-1")
    with lane.database.read() as session:
        assert companies_due(session, lane.clock.now()) == ()
        connection = lane.connection(session)
        pill = pill_of(session, lane.company.id, connection.id, "sales_invoice")
    assert pill.text == "Not live yet · 1 waiting"
    assert pill.detail == "Nothing is sent before go live."
    assert lane.work() == 0
    assert lane.state(mine) == "ready"
    assert lane.sends() == []
    set_up(lane.database, lane.company, live=True)
    with lane.database.read() as session:
        assert companies_due(session, lane.clock.now()) == (lane.company.id,)
    lane.work()
    assert lane.state(mine) == "posted"


def test_nobody_starts_a_sync_before(lane: Lane) -> None:
    set_up(lane.database, lane.company)
    lane.ready("IV-1", due=None)
    with pytest.raises(AssertionError, match="did not go live yet"):
        lane.start_sync()


def test_a_run_that_is_due_is_not_worked_on_before(lane: Lane) -> None:
    [mine] = lane.ready("IV-1", due=None)
    lane.start_sync()
    set_up(lane.database, lane.company)
    with lane.database.read() as session:
        assert companies_due(session, lane.clock.now()) == ()
    lane.work()
    assert lane.state(mine) == "ready"
    assert lane.run().state == "due"


def test_no_daily_run_starts_before(database: Database, company: Company, clock: SetClock) -> None:
    daily = FILES | {
        "shop.rules": FILES["shop.rules"].replace(
            "    immediately\n", "    daily at 02:00 by ordered_on\n"
        )
    }
    shop = open_shop(database, company, clock)
    shop.publish(daily)
    with database.write() as session:
        schedules.follow_rules(session, clock.now())
    clock.advance(3 * 86400)
    set_up(database, company)
    with database.write() as session:
        assert schedules.start_due(session, clock.now()) == 0
        assert session.scalars(select(Run)).all() == []
    set_up(database, company, live=True)
    with database.write() as session:
        assert schedules.start_due(session, clock.now()) > 0
        assert session.scalars(select(Schedule)).one().last_day is not None


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    made = open_shop(database, company, clock)
    made.publish()
    set_up(database, company)
    return made


def test_the_publisher_of_the_rules_in_force_is_no_approver_of_what_they_checked(
    shop: Shop,
) -> None:
    with shop.database.write() as session:
        approvers = checklist(session, shop.company.id).approvers
        company = session.get_one(Company, shop.company.id)
        version = session.get_one(RulesetVersion, company.ruleset_version_id)
        session.add(
            Membership(
                company_id=company.id,
                person_id=version.published_by_id,
                role="approver",
                granted_at=NOW,
            )
        )
        session.flush()
        assert approvers
        assert checklist(session, company.id).approvers == approvers
        session.rollback()


def postings(shop: Shop) -> dict[str, tuple[str, str]]:
    with shop.database.read() as session:
        rows = session.scalars(select(Posting).order_by(Posting.id)).all()
        return {row.number: (row.state, row.reason or "") for row in rows}


def test_what_is_dated_before_the_cutover_is_not_posted_with_the_reason(shop: Shop) -> None:
    shop.receive(order("SO-1", ordered_on="2026-11-17"), order("SO-2", ordered_on="2026-11-18"))
    shop.receive(order("SO-3", ordered_on="2026-11-17", customer="C-404"))
    shop.receive(order("SO-4", ordered_on="2026-11-17", status="cancelled"))
    shop.judge()
    before = postings(shop)
    assert (before["SO-1"][0], before["SO-2"][0]) == ("ready", "ready")
    with shop.database.write() as session:
        assert going_live.set_cutover(session, admin(shop.company), DAY, shop.now) is None
    shop.judge()
    after = postings(shop)
    told = "dated 2026-11-17, before the cutover date 2026-11-18"
    assert after["SO-1"] == ("ignored", told)
    assert after["SO-2"][0] == "ready"
    with shop.database.read() as session:
        states = dict(session.execute(select(Record.number, Record.state)).all())
    assert (states["SO-3"], states["SO-4"]) == ("ignored", "dropped")
    with shop.database.write() as session:  # set anew, it counts for what was left out, too
        day = date(2026, 11, 17)
        assert going_live.set_cutover(session, admin(shop.company), day, shop.now) is None
    shop.judge()
    assert postings(shop)["SO-1"][0] == "ready"


@pytest.mark.parametrize("live", [False, True])
def test_what_one_change_may_move_counts_from_go_live_on(shop: Shop, live: bool) -> None:
    limit = {"safety_stop": {"records": 1, "book": 1}}
    set_up(shop.database, shop.company, settings=limit, live=live)
    dear = [line(price="600.00")]
    shop.receive(*(order(f"SO-{no}", total="1200.00", lines=dear) for no in (1, 2, 3)))
    shop.judge()
    looser = FILES["shop.rules"].replace("total > 1000.00", "total > 2000.00")
    shop.publish(FILES | {"shop.rules": looser})
    shop.judge()
    assert set(shop.states().values()) == {"ready"}
    with shop.database.read() as session:
        assert bool(session.scalars(select(RouteStop)).all()) is live


def test_the_cutover_is_after_the_closed_books_and_only_before_go_live(shop: Shop) -> None:
    set_up(shop.database, shop.company, closed_through=DAY)
    with shop.database.write() as session:
        early = going_live.set_cutover(session, admin(shop.company), DAY, shop.now)
        viewer = Actor(None, "V", "v@x", shop.company.id, frozenset({"finance"}))
        other = going_live.set_cutover(session, viewer, date(2026, 12, 1), shop.now)
    assert isinstance(early, Refusal)
    assert early.hint == "Enter 2026-11-19 or a later day."
    assert isinstance(other, Refusal)
    assert other.code == "forbidden"
    set_up(shop.database, shop.company, live=True)
    with shop.database.write() as session:
        late = going_live.set_cutover(session, admin(shop.company), date(2026, 12, 1), shop.now)
    assert isinstance(late, Refusal)
    assert late.code == "live.already"


def test_a_mistyped_day_of_the_closed_books_is_corrected_with_the_cutover(shop: Shop) -> None:
    set_up(shop.database, shop.company, closed_through=DAY)
    before, person = date(2026, 9, 30), admin(shop.company)
    with shop.database.write() as session:
        come = going_live.set_cutover(session, person, DAY, shop.now, date(2030, 9, 30))
        assert isinstance(come, Refusal)
        assert come.code == "company.closed"
        assert going_live.set_cutover(session, person, DAY, shop.now, before) is None
        company = session.get_one(Company, shop.company.id)
        assert (company.closed_through, company.starts_on) == (before, DAY)
        events = select(Event).where(Event.act == "company.cutover")
        said = session.scalars(events).one().body["say"]
        assert said.endswith("The books are closed through 2026-09-30.")


@pytest.mark.parametrize(
    ("closed", "start"), [(date(2026, 9, 30), date(2026, 10, 1)), (None, date(2026, 11, 1))]
)
def test_a_start_is_suggested(closed: date | None, start: date) -> None:
    assert going_live.suggested_start(closed, NOW, "Asia/Kuala_Lumpur") == start


def test_going_live_waits_for_its_steps_and_for_the_numbers_that_were_shown(shop: Shop) -> None:
    shop.receive(order("SO-1"))
    shop.judge()
    with shop.database.write() as session:
        found = checklist(session, shop.company.id)
        assert found.left == (Step.TARGET, Step.DRY_RUN, Step.CUTOVER)
        assert found.done(Step.SOURCE)
        refused = going_live.go_live(session, admin(shop.company), 1, FIGURE, shop.now)
    assert isinstance(refused, Refusal)
    assert "because accounting system, dry run and cutover are not done" in refused.message
    set_up(shop.database, shop.company, starts_on=DAY)
    target_passed(shop)
    for broken in ({"untested_since": shop.now}, {"untested_since": None}):
        with shop.database.write() as session:
            target = connection_named(session, shop.company, "aiaccount")
            session.execute(update(Connection).where(Connection.id == target.id).values(**broken))
        with shop.database.read() as session:
            done = checklist(session, shop.company.id).done(Step.TARGET)
        assert done is (broken["untested_since"] is None)
    tried = dry_run.dry_run(shop.database, shop.clock, admin(shop.company), DAY, DAY)
    assert not isinstance(tried, Refusal)
    with shop.database.write() as session:
        assert checklist(session, shop.company.id).left == ()
        for count, figure in ((2, FIGURE), (1, FIGURE + 1)):
            other = going_live.go_live(session, admin(shop.company), count, figure, shop.now)
            assert isinstance(other, Refusal)
            assert other.code == "live.changed"
            assert "1 document, RM\u00a0192.00" in other.message
        assert not session.get_one(Company, shop.company.id).live
        finance = Actor(None, "Aisyah", "a@kedai.my", shop.company.id, frozenset({"finance"}))
        no = going_live.go_live(session, finance, 1, FIGURE, shop.now)
        assert isinstance(no, Refusal)
        assert no.code == "forbidden"
    with shop.database.write() as session:
        live = going_live.go_live(session, admin(shop.company), 1, FIGURE, shop.now)
        assert isinstance(live, going_live.FirstRun)
        company = session.get_one(Company, shop.company.id)
        assert (company.live, company.went_live_at) == (True, shop.now)
        told = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
        again = going_live.go_live(session, admin(shop.company), 1, FIGURE, shop.now)
    assert told.act == "company.went_live"
    assert (
        "from document date 2026-11-18. First run: 1 document, RM\u00a0192.00." in told.body["say"]
    )
    assert isinstance(again, Refusal)
    assert again.code == "live.already"


@pytest.mark.parametrize(("seconds", "count"), [(-1, 1), (0, 1), (1, 0), (None, 0)])
def test_a_record_that_is_looked_at_again_another_day_is_not_being_checked(
    shop: Shop, seconds: int | None, count: int
) -> None:
    shop.receive(order("SO-1"))
    shop.judge()
    due = None if seconds is None else shop.now + timedelta(seconds=seconds)
    with shop.database.write() as session:
        session.execute(update(Record).values(due_at=due))
        assert going_live.first_run(session, shop.company.id, shop.now).to_check == count


def test_what_is_not_read_into_records_yet_is_told_beside_the_first_run(shop: Shop) -> None:
    shop.receive(order("SO-1"))
    shop.judge()
    with shop.database.write() as session:
        assert going_live.first_run(session, shop.company.id, shop.now).to_read == 0
        session.execute(update(Delivery).values(due_at=shop.now))
        assert going_live.first_run(session, shop.company.id, shop.now).to_read == 1
        assert going_live.first_run(session, shop.company.id + 1, shop.now).to_read == 0


def target_passed(shop: Shop) -> None:
    """The target answered its connection test."""
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        at = {"checked_at": shop.now, "changed_at": shop.now}
        session.add(Snapshot(connection_id=target.id, kind="account", revision=0, sha256="0", **at))


def test_rates_that_wait_for_a_person_prove_no_connection(shop: Shop) -> None:
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        session.execute(delete(Snapshot).where(Snapshot.kind != "rate"))
        at = {"checked_at": shop.now, "changed_at": shop.now}
        session.add(Snapshot(connection_id=target.id, kind="rate", revision=0, sha256="0", **at))
        session.flush()
        assert not checklist(session, shop.company.id).done(Step.TARGET)
