"""Migrations go up and down and end at the models."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, inspect, select, text
from sqlalchemy.exc import IntegrityError

from holding.access import enrolment, people, sessions
from holding.company import own_account
from holding.company.own_account import Taste
from holding.db.database import Database
from holding.db.models import Base, Company, Notice, Posting, Recipient, WakeMark
from holding.db.models import Session as SignIn
from holding.db.models.columns import NoticeKind, PostingWait, RecipientKind, moment_text
from holding.db.together import answer
from holding.platform.backup import check_version, downgrade, upgrade
from holding.programs import world
from holding.rulesets import target_ways
from tests.holding.access.factors import enrolled
from tests.holding.shop import open_shop, order
from tests.support.clock import SetClock
from tests.support.databases import empty_postgresql, opened
from tests.support.factories import connection_named, make_connection, make_person
from tests.support.kept import stands_empty


def test_the_migrated_schema_is_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql+psycopg://postgres@127.0.0.1:1/none", "DBS01"),
        ("nosuch://x", "DBS03"),
        ("mysql://x", "DBS03"),
        ("no address", "DBS03"),
    ],
)
def test_a_database_that_is_none_is_told(url: str, code: str) -> None:
    refusal = check_version(url)
    assert refusal is not None
    assert (refusal.code, refusal.status) == (code, 503)


@pytest.mark.slow
def test_it_goes_down_and_up_again(database: Database) -> None:
    world.forget()  # the ids begin anew, and what is remembered goes by them
    downgrade(database.url)
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    refusal = check_version(database.url)
    assert refusal is not None
    assert refusal.code == "DBS02"
    upgrade(database.url)
    assert check_version(database.url) is None


def test_0047_a_document_that_waits_for_its_item_goes_on_waiting(
    database: Database, company: Company, clock: SetClock
) -> None:
    """Of its sentence nothing is read any more; before, its first words told what it waited for."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(*(order(f"A-{n}", customer=f"C-7{n}") for n in (7, 8)))
    shop.judge()
    downgrade(database.url, "0047")
    downgrade(database.url, "-1")
    said = {"A-7": "Waits until autocount says how it counts TEA-1.", "A-8": "Waits until Monday."}
    with database.write() as session:
        for number, words in said.items():
            query = text("UPDATE posting SET reason = :words WHERE number = :number")
            session.execute(query, {"words": words, "number": number})
    upgrade(database.url)
    with database.read() as session:
        found = session.scalars(select(Posting.waits).order_by(Posting.number))
        assert list(found) == [PostingWait.ITEM_SETUP, None]


@pytest.mark.slow
def test_0069_a_source_of_files_that_took_orders_goes_on_with_them_alone(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        for name, settings in {
            "stall": {"zone": "Asia/Singapore"},
            "fair": {"record_kinds": "refund"},
        }.items():
            made = make_connection(session, company, name, side="source", connector="workbook")
            made.settings = settings
    downgrade(database.url, "0068")
    upgrade(database.url)
    with database.read() as session:
        stall = connection_named(session, company, "stall")
        assert stall.settings == {"zone": "Asia/Singapore", "record_kinds": "order"}
        assert connection_named(session, company, "fair").settings == {"record_kinds": "refund"}
        assert "record_kinds" not in connection_named(session, company, "netshop").settings
        assert target_ways.clashes(session, company.id)[0].kinds == ("order",)


def test_0079_a_message_about_a_returned_change_is_of_a_kind_that_is_known(
    database: Database, company: Company, clock: SetClock
) -> None:
    """What an older program does not know is forgotten with it; whom somebody chose stays."""

    def told(kind: str, *, gets: bool) -> None:
        names = "company_id, recipient_id, kind, key, subject, body, state, made_at"
        values = ":company, :recipient, :kind, 'x', 'x', '{}', 'due', :at"
        with database.write() as session:
            row = Recipient(
                company_id=company.id,
                kind=RecipientKind.PERSON,
                person_id=make_person(session, company, f"{kind}@kedai.my").id,
                digest=gets,
                urgent=False,
                packets=False,
                made_at=clock.now(),
            )
            session.add(row)
            session.flush()
            given = {"company": company.id, "recipient": row.id, "kind": kind}
            statement = text(f"INSERT INTO notice ({names}) VALUES ({values})")
            session.execute(statement, {**given, "at": moment_text(clock.now())})

    told("test", gets=True)
    downgrade(database.url, "0077")
    with pytest.raises(IntegrityError):
        told("returned", gets=False)
    upgrade(database.url)
    told("returned", gets=False)
    with pytest.raises(IntegrityError):
        told("pigeon", gets=False)
    downgrade(database.url, "0077")
    upgrade(database.url)
    with database.read() as session:
        assert session.scalars(select(Notice.kind)).all() == [NoticeKind.TEST]
        assert session.scalars(select(Recipient.digest)).all() == [True]


def test_0085_names_of_before_are_taken_from_the_trail(
    database: Database, company: Company, clock: SetClock
) -> None:
    """Who called themselves otherwise before this program noted it is found by that name, too."""
    with database.write() as session:
        lim = make_person(session, company, "lim@kedai.my", "approver")
        for name in ("Lim Ah Kow", "Lim", "Lim Ah Kow", "L"):
            saved = own_account.save(session, lim.id, name=name, taste=Taste(), now=clock.now())
            assert saved is None
        kept = answer(session, people.called_query([company.id]))
        assert kept[lim.id].former == {"Lim", "Lim Ah Kow"}
    downgrade(database.url, "0079")
    upgrade(database.url)
    with database.read() as session:
        assert answer(session, people.called_query([company.id])) == kept


def test_0086_is_not_taken_back_while_something_is_to_be_woken(
    database: Database, company: Company
) -> None:
    """An older program would send what nobody looked at."""
    with database.write() as session:
        session.add(WakeMark(company_id=company.id, entry_id=1, below=7, told={}))
    with pytest.raises(RuntimeError, match="checked again"):
        downgrade(database.url, "0085")
    with database.write() as session:
        session.execute(delete(WakeMark))
    downgrade(database.url, "0085")
    upgrade(database.url)


@pytest.mark.slow
def test_a_schema_that_a_test_left_behind_does_not_fail_the_next(
    postgresql_url: str | None,
) -> None:
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL")
    downgrade(postgresql_url, "0085")
    empty_postgresql(postgresql_url)
    assert check_version(postgresql_url) is None
    with opened(postgresql_url) as database:
        stands_empty(database)


def test_an_unreachable_database_is_a_refusal() -> None:
    refusal = check_version("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    assert refusal is not None
    assert refusal.code == "DBS01"


def test_second_factors_come_and_go_with_people_and_companies_kept(
    database: Database, company: Company, clock: SetClock
) -> None:
    """To 0090 and back: who had one signs in by the password, and no company asks for one."""
    world.forget()
    with database.write() as session:
        lim = make_person(session, company, "lim@kedai.my", "approver").id
        session.get_one(Company, company.id).needs_second_factor = True
        enrolled(session, lim, clock.now())
        sessions.open_session(session, lim, clock.now(), factor_at=clock.now())
        enrolment.enter(session, lim, clock.now())
    downgrade(database.url, "0090")
    tables = set(inspect(database.engine).get_table_names())
    assert not tables & {"second_factor", "recovery_code", "sign_in_step"}
    with database.engine.connect() as connection:
        row = connection.execute(text("SELECT email, totp FROM person")).one()
        assert tuple(row) == ("lim@kedai.my", None)
    upgrade(database.url)
    assert check_version(database.url) is None
    with database.write() as session:
        assert session.get_one(Company, company.id).needs_second_factor is False
        assert session.scalars(select(SignIn.factor_at)).one() is None
        assert enrolment.enter(session, lim, clock.now()).signed_in
