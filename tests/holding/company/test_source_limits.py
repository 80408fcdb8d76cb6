"""Who may limit whom to which sources, what is told of it, and what they cannot be given then."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from holding.access import actors, deputies
from holding.access.reach import EVERYTHING, of_person
from holding.approvals import approve
from holding.company import access_links, directory, duties
from holding.company.directory import Limited
from holding.db.database import Database
from holding.db.models import Company, Connection, Event, Hold, Posting, Record, SourceLimit
from holding.db.refusal import Refusal
from holding.holds import assignments, releases
from holding.holds.assignments import Wish
from holding.holds.assignments import apply_to_holds as do_many
from holding.holds.holds import Each
from holding.uploads import submit
from tests.holding.shop import Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_company, make_person

LARGE = [line(price="960.00")]


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 waits for an approval and NS-2 does not add up, both of netshop; blog has nothing."""
    shop = open_shop(database, company, clock)
    with database.write() as session:
        netshop = connection_named(session, company, "netshop")
        session.add(
            Connection(
                company_id=company.id,
                name="blog",
                side="source",
                connector=netshop.connector,
                settings={},
            )
        )
    shop.publish()
    shop.receive(order("NS-1", total="1920.00", lines=LARGE), order("NS-2", total="200.00"))
    shop.judge()
    return shop


def limit(shop: Shop, who: str, *names: str, by: str = "adam") -> Limited | Refusal:
    with shop.database.write() as session:
        known = {one.name: one.id for one in directory.sources(session, shop.company.id)}
        return directory.limit(
            session,
            shop.actor(by),
            company_id=shop.company.id,
            person_id=shop.actor(who).person_id or 0,
            source_ids=[known[name] for name in names],
            now=shop.now,
        )


def acting(shop: Shop, who: str) -> actors.Actor:
    with shop.database.read() as session:
        person_id = shop.actor(who).person_id or 0
        found = actors.actor_of(session, person_id, shop.company.id, now=shop.now)
    assert found is not None
    return found


def hold(shop: Shop, number: str) -> Hold:
    with shop.database.read() as session:
        return session.scalars(select(Hold).where(Hold.number == number)).one()


def told(shop: Shop, act: str) -> list[Any]:
    with shop.database.read() as session:
        found = select(Event).where(Event.act == act).order_by(Event.id)
        return [row.body for row in session.scalars(found)]


def test_an_administrator_limits_and_lifts_and_both_are_told(shop: Shop) -> None:
    made = limit(shop, "lim", "netshop", "blog")
    assert isinstance(made, Limited)
    assert made.sources == ("blog", "netshop")
    assert acting(shop, "lim").reach.limited
    assert isinstance(limit(shop, "lim", "netshop", "blog"), Limited)
    assert len(told(shop, "person.sources")) == 1, "the same again is no change"
    assert isinstance(limit(shop, "lim"), Limited)
    assert acting(shop, "lim").reach == EVERYTHING
    lim = acting(shop, "lim").name
    assert [body["say"] for body in told(shop, "person.sources")] == [
        f"{lim} sees only records of blog, netshop.",
        f"{lim} sees records of all sources.",
    ]


@pytest.mark.parametrize(
    ("who", "by", "code"),
    [("lim", "farah", "forbidden"), ("adam", "adam", "source.self"), ("lim", "lim", "forbidden")],
)
def test_nobody_else_limits_and_nobody_themselves(shop: Shop, who: str, by: str, code: str) -> None:
    refused = limit(shop, who, "blog", by=by)
    assert isinstance(refused, Refusal)
    assert refused.code == code
    assert not acting(shop, who).reach.limited


def test_administrators_and_sources_of_others_are_refused(shop: Shop) -> None:
    with shop.database.write() as session:
        make_person(session, shop.company, "ada@kedai.my", "admin")
        other = make_company(session, "lain")
        theirs = connection_named(session, other, "netshop").id
        ada = session.scalars(select(Event)).first()
        person_id = shop.actor("lim").person_id or 0
        stranger = directory.limit(
            session,
            shop.actor("adam"),
            company_id=shop.company.id,
            person_id=person_id,
            source_ids=[theirs],
            now=shop.now,
        )
        adam = directory.limit(
            session,
            actors.OPERATOR,
            company_id=shop.company.id,
            person_id=shop.actor("adam").person_id or 0,
            source_ids=[one.id for one in directory.sources(session, shop.company.id)],
            now=shop.now,
        )
    assert ada is not None
    assert isinstance(stranger, Refusal)
    assert stranger.code == "source.unknown"
    assert isinstance(adam, Refusal)
    assert adam.code == "source.admin"


def test_nobody_limited_is_made_an_administrator(shop: Shop) -> None:
    lim = shop.actor("lim").person_id or 0

    def change(*roles: str) -> duties.Changed | Refusal:
        with shop.database.write() as session:
            held = actors.roles_of(session, shop.company.id, lim)
            teams = duties.teams_of(session, shop.company.id, lim)
            return duties.change(
                session,
                shop.actor("adam"),
                company_id=shop.company.id,
                person_id=lim,
                roles=roles,
                team_ids=teams,
                shown_mark=duties.mark(held, teams),
                now=shop.now,
            )

    limit(shop, "lim", "blog")
    refused = change("approver", "admin")
    assert isinstance(refused, Refusal)
    assert refused.code == "role.limited"
    assert isinstance(change("approver", "viewer"), duties.Changed)
    limit(shop, "lim")
    assert isinstance(change("approver", "admin"), duties.Changed)


def test_a_file_given_in_before_the_limit_is_not_theirs_any_more(shop: Shop) -> None:
    file = ("netshop", "orders.csv", b"number\n1\n", shop.now)
    with shop.database.write() as session:
        given = submit.begin(session, acting(shop, "farah"), shop.company.id, *file)
    assert isinstance(given, submit.Begun)
    limit(shop, "farah", "blog")
    limited = acting(shop, "farah")
    with shop.database.write() as session:
        here = (session, limited, shop.company.id, given.upload_id)
        answers = (
            submit.confirm(*here, with_unknown=True, now=shop.now),
            submit.choose(*here, {"number": "A"}, shop.now),
            submit.cancel(*here),
        )
    for answer in answers:
        assert isinstance(answer, Refusal)
        assert answer.code == "upload.unknown"


def test_what_they_had_of_other_sources_goes_back_to_its_team(shop: Shop) -> None:
    held = hold(shop, "NS-2")
    with shop.database.write() as session:
        lim = shop.actor("lim").person_id
        given = assignments.assign(session, shop.actor("farah"), held.id, lim, shop.now)
    assert not isinstance(given, Refusal)
    kept = limit(shop, "lim", "netshop")
    assert isinstance(kept, Limited)
    assert kept.handed == 0
    moved = limit(shop, "lim", "blog")
    assert isinstance(moved, Limited)
    assert moved.handed == 1
    assert hold(shop, "NS-2").person_id is None
    with shop.database.write() as session:
        again = assignments.assign(session, shop.actor("farah"), held.id, lim, shop.now)
    assert isinstance(again, Refusal)
    assert again.code == "hold.beyond"
    assert "NS-2" in again.message


def test_no_act_reaches_a_hold_or_a_document_of_another_source(shop: Shop) -> None:
    limit(shop, "lim", "blog")
    lim, asked, wrong = acting(shop, "lim"), hold(shop, "NS-1"), hold(shop, "NS-2")
    with shop.database.write() as session:
        one = releases.release(session, lim, wrong.id, "Checked", shop.now)
        assert isinstance(one, Refusal)
        assert one.status == 404
        wish = Wish(act="release", seen={wrong.id: (wrong.lock, 1)}, reason="Checked")
        many = do_many(session, lim, wish, shop.now, "op-1")
        assert isinstance(many, Each)
        assert many.done == ()
        assert [left.number for left in many.left] == [""]
        posting = session.get_one(Posting, asked.posting_id)
        seen = {posting.id: posting.hash or ""}
        answer = approve.approve(session, lim, [posting.id], "Checked", shop.now)
        assert isinstance(answer, approve.Approved)
        assert answer.done == ()
        assert "NS-1" not in str(answer)
        question = assignments.Question(lim.person_id or 0, "Open it")
        assert isinstance(
            assignments.ask_to_reopen(session, lim, asked.id, question, shop.now), Refusal
        )
        assert seen
    limit(shop, "lim", "netshop")
    with shop.database.write() as session:
        fresh = acting(shop, "lim")
        again = approve.approve(session, fresh, [asked.posting_id or 0], "Checked", shop.now)
    assert isinstance(again, approve.Approved)
    assert again.done == (asked.posting_id,)


def test_a_limited_person_lends_nothing_and_does_nothing_for_all(shop: Shop) -> None:
    with shop.database.write() as session:
        siti = make_person(session, shop.company, "siti@kedai.my", "viewer").id
        deputies.appoint(
            session,
            shop.actor("adam"),
            person_id=shop.actor("lim").person_id or 0,
            deputy_id=siti,
            from_at=shop.now,
            until_at=shop.now + timedelta(days=5),
            reason="on leave",
            now=shop.now,
        )
    with shop.database.read() as session:
        lent = actors.actor_of(session, siti, shop.company.id, now=shop.now)
    assert lent is not None
    assert [one.name for one in lent.stands_for] == [acting(shop, "lim").name]
    limit(shop, "lim", "netshop")
    with shop.database.read() as session:
        lent = actors.actor_of(session, siti, shop.company.id, now=shop.now)
    assert lent is not None
    assert lent.stands_for == ()
    refused = actors.may(acting(shop, "lim"), "deputy.name")
    assert refused is not None
    assert refused.code == "reach.limited"


def test_the_reach_over_all_companies_takes_a_limit_in_one_of_them(shop: Shop) -> None:
    lim = shop.actor("lim").person_id or 0
    with shop.database.read() as session:
        assert of_person(session, lim) == EVERYTHING
    limit(shop, "lim", "blog")
    with shop.database.write() as session:
        other = make_company(session, "lain")
        theirs = connection_named(session, other, "netshop").id
        blog = connection_named(session, shop.company, "blog").id
        netshop = connection_named(session, shop.company, "netshop").id
        found = of_person(session, lim)
    assert found.has(blog)
    assert found.has(theirs)
    assert not found.has(netshop)


def test_an_invitation_limits_from_the_first_page_on(shop: Shop) -> None:
    with shop.database.write() as session:
        blog = connection_named(session, shop.company, "blog").id
        link = access_links.invite(
            session,
            shop.actor("adam"),
            company_id=shop.company.id,
            email="mei@kedai.my",
            name="Mei",
            roles=["finance"],
            team_ids=[],
            source_ids=[blog],
            now=shop.now,
        )
        assert isinstance(link, access_links.NewLink)
        used = access_links.use(
            session, link.token, name="Mei", password="correct horse battery", now=shop.now
        )
        assert isinstance(used, access_links.Used)
        [row] = session.scalars(select(SourceLimit)).all()
        actor = actors.actor_of(session, row.person_id, shop.company.id)
        refused = access_links.invite(
            session,
            shop.actor("adam"),
            company_id=shop.company.id,
            email="boss@kedai.my",
            name="Boss",
            roles=["admin"],
            team_ids=[],
            source_ids=[blog],
            now=shop.now,
        )
        records = session.scalars(select(Record.id)).all()
    assert actor is not None
    assert actor.reach.source_ids == frozenset({blog})
    assert isinstance(refused, Refusal)
    assert refused.code == "source.admin"
    assert len(records) == 2
    assert [body["say"] for body in told(shop, "person.sources")] == [
        "Mei sees only records of blog."
    ]
