"""Roles and teams changed as a whole, and who is told that they cannot."""

from typing import Any

from sqlalchemy import select

from holding.access.actors import OPERATOR, roles_of
from holding.access.people import add_company, ensure_team
from holding.company import duties
from holding.db.database import Database
from holding.db.models import Company, Event
from holding.db.refusal import Refusal
from holding.holds import assignments
from tests.holding.company.test_access_links import member
from tests.holding.held import held_shop, hold_of, says
from tests.support.clock import SetClock


def test_roles_and_teams_become_just_what_is_ticked(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        tan = member(session, company.id, "tan", now, "admin")
        lim = member(session, company.id, "lim", now, "viewer", "approver")
        team = ensure_team(session, company.id, "accounts")
        other = add_company(session, code="lain", name="Lain", now=now)
        assert isinstance(other, int)
        foreign = ensure_team(session, other, "theirs")
        given: dict[str, Any] = {
            "company_id": company.id,
            "person_id": lim.person_id or 0,
            "now": now,
        }
        seen = duties.mark({"viewer", "approver"}, set())
        wanted: dict[str, Any] = {
            "roles": ["approver", "publisher"],
            "team_ids": [team.id, foreign.id],
        }
        done = duties.change(session, tan, **given, **wanted, shown_mark=seen)
        assert isinstance(done, duties.Changed)
        found = next(one for one in duties.members(session, company.id) if one.name == "Lim")
        assert found.roles == ("approver", "publisher")
        assert found.team_ids == (team.id,)
        stale = duties.change(session, tan, **given, roles=["viewer"], team_ids=[], shown_mark=seen)
        assert isinstance(stale, Refusal)
        assert stale.status == 409
        assert roles_of(session, company.id, lim.person_id or 0) == {"approver", "publisher"}
        told = [one.body["say"] for one in session.scalars(select(Event).order_by(Event.id))]
        assert told[-3:] == [
            "Lim was given the role Rule publisher.",
            "Lim no longer has the role Viewer.",
            "Lim is in the team Accounts team now.",
        ]


def test_nobody_changes_their_own_and_nobody_else_changes_any(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        tan, lee = (member(session, company.id, name, now, "admin") for name in ("tan", "lee"))
        lim = member(session, company.id, "lim", now, "approver")
        mine: dict[str, Any] = {"company_id": company.id, "team_ids": (), "now": now}
        seen = duties.mark({"admin"}, set())
        both = ["admin", "approver"]
        own = duties.change(
            session, tan, **mine, person_id=tan.person_id or 0, roles=both, shown_mark=seen
        )
        assert isinstance(own, Refusal)
        assert own.hint == "Lee can."
        for roles, code in (([], "role.none"), (["boss"], "role.unknown")):
            bad = duties.change(
                session, tan, **mine, person_id=lim.person_id or 0, roles=roles, shown_mark=seen
            )
            assert isinstance(bad, Refusal)
            assert bad.code == code
        refused = duties.change(
            session, lim, **mine, person_id=tan.person_id or 0, roles=["viewer"], shown_mark=seen
        )
        assert isinstance(refused, Refusal)
        assert refused.status == 403
        # Each takes the other's role: the second is no administrator any more.
        first = duties.change(
            session, tan, **mine, person_id=lee.person_id or 0, roles=["viewer"], shown_mark=seen
        )
        assert isinstance(first, duties.Changed)
        second = duties.change(
            session, lee, **mine, person_id=tan.person_id or 0, roles=["viewer"], shown_mark=seen
        )
        assert isinstance(second, Refusal)
        stranger = add_company(session, code="lain", name="Lain", now=now)
        assert isinstance(stranger, int)
        theirs = member(session, stranger, "ahmad", now, "viewer")
        gone = duties.change(
            session, tan, **mine, person_id=theirs.person_id or 0, roles=["viewer"], shown_mark=""
        )
        assert isinstance(gone, Refusal)
        assert gone.status == 404
        assert duties.administers(session, OPERATOR, company.id) is None


def test_who_takes_no_holds_any_more_gives_them_back(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = held_shop(database, company, clock)
    hold, farah = hold_of(shop, "NS-1").id, shop.actor("farah")
    key = farah.person_id or 0
    with database.write() as session:
        assignments.assign(session, shop.actor("lim"), hold, key, shop.now)
        had = duties.teams_of(session, company.id, key)
        given: dict[str, Any] = {
            "company_id": company.id,
            "person_id": key,
            "team_ids": had,
            "now": shop.now,
        }
        for roles, handed in ((["finance", "viewer"], 0), (["viewer"], 1)):
            seen = duties.mark(roles_of(session, company.id, key), had)
            done = duties.change(session, shop.actor("adam"), **given, roles=roles, shown_mark=seen)
            assert isinstance(done, duties.Changed)
            assert done.handed == handed
    assert hold_of(shop, "NS-1").person_id is None
    assert says(shop, "hold.handed_over") == [
        "Farah has no role that takes holds any more; NS-1 is with Accounts team again."
    ]
