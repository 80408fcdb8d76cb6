"""Links that work once: invitations and new passwords, and who may make and use them."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session as OrmSession

from holding.access import people, sessions
from holding.access.actors import OPERATOR, Actor, actor_of, roles_of
from holding.access.people import NewPerson, add_company, add_membership, add_person
from holding.company import access_links
from holding.company.access_links import NewLink, Used
from holding.db.database import Database
from holding.db.models import AccessLink, Company, Event, Person
from holding.db.refusal import Refusal
from holding.holds import assignments
from tests.support.clock import SetClock
from tests.support.passwords import sign_in

NEW, OWN = "teh tarik satu 2026", "kopi o kosong 2026"
NURUL = "nurul@kedai.my"


def member(session: OrmSession, company_id: int, name: str, now: datetime, *roles: str) -> Actor:
    """Somebody with a password and roles."""
    made = add_person(session, email=f"{name}@kedai.my", name=name.title(), password=OWN)
    assert isinstance(made, NewPerson)
    who = {"company_id": company_id, "person_id": made.person_id}
    for role in roles:
        assert add_membership(session, **who, role=role, actor=OPERATOR, now=now) is None
    found = actor_of(session, made.person_id, company_id)
    assert found is not None
    return found


def invite(
    session: OrmSession, actor: Actor, company: Company, now: datetime, email: str = NURUL
) -> NewLink | Refusal:
    team = people.ensure_team(session, company.id, "accounts")
    return access_links.invite(
        session,
        actor,
        company_id=company.id,
        email=email,
        name="Nurul",
        roles=["finance", "viewer"],
        team_ids=[team.id, 9_999],
        now=now,
    )


def made(link: NewLink | Refusal) -> NewLink:
    assert isinstance(link, NewLink), link
    return link


def use(session: OrmSession, link: NewLink, now: datetime, password: str = NEW) -> str:
    """`joined`, or the code of the refusal."""
    done = access_links.use(session, link.token, name="Nurul Huda", password=password, now=now)
    return "joined" if isinstance(done, Used) else done.code


def said(session: OrmSession) -> list[str]:
    return [event.body["say"] for event in session.scalars(select(Event).order_by(Event.id))]


def test_who_is_invited_joins_once_with_just_these_roles_and_teams(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        tan = member(session, company.id, "tan", now, "admin")
        link = made(invite(session, tan, company, now))
        assert link.expires_at - now == timedelta(days=7)
        kept = session.scalars(select(AccessLink)).one()
        assert link.token not in (kept.token_hash, *map(str, vars(kept).values()))
        shown = access_links.opened(session, link.token, now)
        assert isinstance(shown, access_links.OpenLink)
        assert (shown.roles, shown.maker) == ("Viewer, Finance user", "Tan")
        assert not shown.knows_password
        assert use(session, link, now, "short") == "person.password"
        assert use(session, link, now) == "joined"
        person = session.scalars(select(Person).where(Person.email == NURUL)).one()
        assert person.name == "Nurul Huda"
        assert roles_of(session, company.id, person.id) == {"finance", "viewer"}
        assert people.teams(session, company.id) == {"accounts": ("Nurul Huda",)}
        assert isinstance(sign_in(session, NURUL, NEW, now), str)
        assert use(session, link, now, "another one 2026") == "link.gone"
        assert isinstance(sign_in(session, NURUL, NEW, now), str)
        told = said(session)
        assert f"{NURUL} was invited as Viewer, Finance user." in told
        assert "Nurul Huda joined as Viewer, Finance user." in told
        assert not any(link.token in words for words in told)


def test_a_link_ends_after_seven_days_by_another_and_with_its_maker(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        tan, lee = (member(session, company.id, name, now, "admin") for name in ("tan", "lee"))
        late = made(invite(session, tan, company, now))
        assert use(session, late, now + timedelta(days=7)) == "link.gone"
        newer = made(invite(session, lee, company, now))
        assert use(session, late, now) == "link.gone"
        assert access_links.cancel(session, tan, newer.id, now) == NURUL
        assert use(session, newer, now) == "link.gone"
        assert isinstance(access_links.cancel(session, tan, newer.id, now), Refusal)
        orphan = made(invite(session, lee, company, now))
        assignments.remove_member(session, tan, company.id, lee.person_id or 0, now)
        assert use(session, orphan, now) == "link.gone"
        assert session.scalar(select(func.count()).where(Person.email == NURUL)) == 0


def test_only_an_administrator_of_this_moment_invites(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        tan = member(session, company.id, "tan", now, "admin")
        lim = member(session, company.id, "lim", now, "approver")
        refused = invite(session, lim, company, now)
        assert isinstance(refused, Refusal)
        assert refused.status == 403
        lee = member(session, company.id, "lee", now, "admin")
        assignments.remove_member(session, tan, company.id, lee.person_id or 0, now)
        assert isinstance(invite(session, lee, company, now), Refusal)
        for email in ("nobody", "a b@kedai.my", "x@y", "lim@kedai.my"):
            assert isinstance(invite(session, tan, company, now, email), Refusal), email
        none = access_links.invite(
            session,
            tan,
            company_id=company.id,
            email=NURUL,
            name="",
            roles=[],
            team_ids=[],
            now=now,
        )
        assert isinstance(none, Refusal)


def test_an_invitation_never_sets_the_password_of_an_account_of_another_company(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        other = add_company(session, code="lain", name="Lain", now=now)
        assert isinstance(other, int)
        member(session, other, "nurul", now, "approver")
        tan = member(session, company.id, "tan", now, "admin")
        link = made(invite(session, tan, company, now))
        shown = access_links.opened(session, link.token, now)
        assert isinstance(shown, access_links.OpenLink)
        assert shown.knows_password
        assert use(session, link, now, NEW) == "signin.refused"
        assert use(session, link, now, OWN) == "joined"
        assert session.scalars(select(Person.name).where(Person.email == NURUL)).one() == "Nurul"
        assert isinstance(sign_in(session, NURUL, OWN, now), str)
        person = session.scalars(select(Person).where(Person.email == NURUL)).one()
        refused = access_links.reset(
            session, tan, company_id=company.id, person_id=person.id, now=now
        )
        assert isinstance(refused, Refusal)
        assert refused.code == "reset.elsewhere"


@pytest.mark.parametrize("leaves", [False, True], ids=["there", "left"])
def test_a_password_link_sets_a_new_one_for_who_is_still_there(
    database: Database, company: Company, clock: SetClock, leaves: bool
) -> None:
    now = clock.now()
    with database.write() as session:
        tan = member(session, company.id, "tan", now, "admin")
        lim = member(session, company.id, "lim", now, "approver")
        before = sign_in(session, "lim@kedai.my", OWN, now)
        assert isinstance(before, str)
        key = lim.person_id or 0
        own = access_links.reset(
            session, tan, company_id=company.id, person_id=tan.person_id or 0, now=now
        )
        assert isinstance(own, Refusal)
        link = made(access_links.reset(session, tan, company_id=company.id, person_id=key, now=now))
        assert sessions.person_of(session, before, now) is not None
        if leaves:
            assignments.remove_member(session, tan, company.id, key, now)
            assert use(session, link, now) == "link.gone"
            return
        assert use(session, link, now) == "joined"
        assert sessions.person_of(session, before, now) is None
        assert isinstance(sign_in(session, "lim@kedai.my", OWN, now), Refusal)
        assert isinstance(sign_in(session, "lim@kedai.my", NEW, now), str)
        assert "Lim set a new password by a link." in said(session)
        assert roles_of(session, company.id, key) == {"approver"}


@pytest.mark.parametrize("after", [False, True], ids=["there", "elsewhere too"])
def test_a_password_link_opens_no_company_that_its_person_joined_since(
    database: Database, company: Company, clock: SetClock, after: bool
) -> None:
    """Who made it manages their own company: by the link they would be that person in the other."""
    now = clock.now()
    with database.write() as session:
        other = add_company(session, code="lain", name="Lain", now=now)
        assert isinstance(other, int)
        tan = member(session, company.id, "tan", now, "admin")
        lim = member(session, company.id, "lim", now, "finance")
        key = lim.person_id or 0
        link = made(access_links.reset(session, tan, company_id=company.id, person_id=key, now=now))
        if after:
            joined = {"company_id": other, "person_id": key, "role": "approver"}
            assert add_membership(session, **joined, actor=OPERATOR, now=now) is None  # type: ignore[arg-type]
        shown = access_links.opened(session, link.token, now)
        assert isinstance(shown, Refusal) is after
        assert use(session, link, now) == ("link.gone" if after else "joined")
        assert isinstance(sign_in(session, "lim@kedai.my", NEW, now), Refusal) is after
