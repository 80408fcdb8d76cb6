"""One's own account: name, password, sessions."""

from datetime import timedelta

from sqlalchemy import select

from holding.access import operations, sessions
from holding.access.sessions import Device
from holding.company import access_links, own_account
from holding.company.own_account import Taste
from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Event, Person
from holding.db.refusal import Refusal
from tests.holding.company.test_access_links import NEW, OWN, member
from tests.support.clock import SetClock
from tests.support.passwords import sign_in

MAIL = "lim@kedai.my"
PHONE, DESK = Device("Safari, iPhone", "198.51.100.7"), Device("Chrome, Windows", "203.0.113.24")


def test_a_new_password_ends_the_other_sessions(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        lim = member(session, company.id, "lim", now, "approver")
        key = lim.person_id or 0
        phone = sign_in(session, MAIL, OWN, now, PHONE)
        assert isinstance(phone, str)

        def change(present: str, wanted: str) -> str | Refusal:
            return own_account.change_password(
                session, key, present=present, new_password=wanted, now=now, device=DESK
            )

        for present, wanted, code in (
            ("wrong", NEW, "person.present"),
            (OWN, "short", "person.password"),
            (OWN, OWN, "person.password"),
        ):
            refused = change(present, wanted)
            assert isinstance(refused, Refusal)
            assert refused.code == code
        assert sessions.person_of(session, phone, now) is not None
        fresh = change(OWN, NEW)
        assert isinstance(fresh, str)
        assert sessions.person_of(session, phone, now) is None
        assert sessions.person_of(session, fresh, now) is not None
        assert [one.device for one in own_account.open_sessions(session, key, now)] == [DESK.name]
        for _ in range(leases.MOST):
            change("wrong", OWN)
        throttled = change(NEW, OWN)
        assert isinstance(throttled, Refusal)
        assert throttled.code == "signin.throttled"
        acts = session.scalars(select(Event.act).where(Event.person_id == key)).all()
        assert acts == ["person.password_changed"]


def test_T32a_ones_own_new_password_ends_ones_tokens_and_links(
    database: Database, company: Company, clock: SetClock
) -> None:
    """A program that somebody else runs with a key of theirs ends with the password, as it does
    after a link or `clearpost user password`; and so does a link that was on its way.
    """
    now = clock.now()
    with database.write() as session:
        admin = member(session, company.id, "vera", now, "admin")
        lim = member(session, company.id, "lim", now, "approver")
        key = lim.person_id or 0
        made = operations.make_token(
            session,
            admin,
            company_id=company.id,
            person_id=key,
            name="till",
            scopes=("record.read",),
            lasts=timedelta(days=30),
            now=now,
        )
        link = access_links.reset(session, admin, company_id=company.id, person_id=key, now=now)
        assert isinstance(made, operations.NewToken)
        assert isinstance(link, access_links.NewLink)
        assert operations.bearer(session, made.key, now) is not None
        fresh = own_account.change_password(
            session, key, present=OWN, new_password=NEW, now=now, device=DESK
        )
        assert isinstance(fresh, str)
        assert operations.bearer(session, made.key, now) is None
        gone = access_links.opened(session, link.token, now)
        assert isinstance(gone, Refusal)
        assert gone.message.startswith("This link was cancelled or replaced")
        said = [event.body["say"] for event in session.scalars(select(Event).order_by(Event.id))]
        assert "Token till was revoked, because Lim set a new password." in said


def test_sessions_end_one_by_one_and_all_together(
    database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    with database.write() as session:
        lim = member(session, company.id, "lim", now, "approver")
        other = member(session, company.id, "tan", now, "viewer")
        key = lim.person_id or 0
        phone, desk = (sign_in(session, MAIL, OWN, now, one) for one in (PHONE, DESK))
        assert isinstance(phone, str)
        assert isinstance(desk, str)
        mine = own_account.open_sessions(session, key, now)
        assert {(one.device, one.address) for one in mine} == {
            (PHONE.name, PHONE.address),
            (DESK.name, DESK.address),
        }
        name = own_account.key_of(phone)
        assert own_account.end_session(session, other.person_id or 0, name, now) is not None
        assert own_account.end_session(session, key, name, now) is None
        assert own_account.end_session(session, key, name, now) is not None
        assert sessions.person_of(session, phone, now) is None
        assert sessions.person_of(session, desk, now) is not None
        assert own_account.open_sessions(session, key, now + timedelta(hours=2)) == ()
        own_account.sign_out_everywhere(session, key, now)
        assert sessions.person_of(session, desk, now) is None
        said = [event.body["say"] for event in session.scalars(select(Event).order_by(Event.id))]
        assert said[-2:] == ["Lim signed out on Safari, iPhone.", "Lim signed out everywhere."]


def test_name_and_taste_are_kept(database: Database, company: Company, clock: SetClock) -> None:
    now = clock.now()
    with database.write() as session:
        key = member(session, company.id, "lim", now, "approver").person_id or 0
        person = session.get_one(Person, key)
        person.settings = {"other": 1}
        dark = Taste("dark", keys=False)
        assert own_account.save(session, key, name=" Lim  Wei ", taste=dark, now=now) is None
        assert person.name == "Lim Wei"
        assert own_account.taste(person.settings) == dark
        assert person.settings["other"] == 1
        assert own_account.taste({"theme": "neon"}) == Taste()
        refused = own_account.save(session, key, name=" ", taste=dark, now=now)
        assert isinstance(refused, Refusal)
        said = [event.body["say"] for event in session.scalars(select(Event).order_by(Event.id))]
        assert said[-1] == "Lim is called Lim Wei now."
