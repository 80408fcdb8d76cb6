"""Tokens, deputies and the chain on the command line."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select, text, update

from holding.access import operations
from holding.db.database import Database
from holding.db.models import Company, Event, SecondFactor, Version
from holding.platform import events
from portal.cli import commands
from tests.portal.access.phones import phone_of
from tests.support.clock import SetClock
from tests.support.passwords import sign_in

pytestmark = pytest.mark.sqlite
COMPANY = ("--company", "kedai")
LEAVE = ("--for", "lim@kedai.my", *COMPANY, "--as", "lim@kedai.my", "--reason", "on leave")


@pytest.fixture
def run(database: Database) -> Callable[..., Result]:
    def ran(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(commands, words, standalone_mode=False)
        given = result.return_value if isinstance(result.return_value, int) else 0
        found = getattr(result.exception, "code", given) if result.exception else given
        assert found == code, (result.output, result.exception)
        return result

    return ran


def test_a_token_is_made_listed_and_revoked(
    run: Callable[..., Result], database: Database, clock: SetClock
) -> None:
    words = ("--name", "till", "--scope", "record.read", "--days", "9000")
    made = run("token", "add", "lim@kedai.my", *COMPANY, *words[:4])
    key = re.search(r"cp_\S+", made.output)
    assert key
    with database.read() as session:
        found = operations.bearer(session, key[0], clock.now())
        assert found
        assert (found.actor.email, found.actor.scopes) == ("lim@kedai.my", {"record.read"})
    listed = run("token", "list", *COMPANY).output
    assert "till  lim@kedai.my  record.read  until " in listed
    assert key[0] not in listed
    number = listed.split()[0]
    run("token", "revoke", number, *COMPANY)
    assert "revoked" in run("token", "list", *COMPANY).output
    run("token", "revoke", number, *COMPANY, code=1)
    run("token", "add", "lim@kedai.my", *COMPANY, *words, code=1)
    run("token", "add", "lim@kedai.my", *COMPANY, *words[:5], "9" * 12, code=1)
    run("token", "add", "lim@kedai.my", *COMPANY, "--name", "x", "--scope", "rules.draft", code=1)
    run("token", "add", "nobody@kedai.my", *COMPANY, *words[:4], code=1)


def test_a_lost_password_is_replaced(
    run: Callable[..., Result], database: Database, clock: SetClock
) -> None:
    told = run("user", "password", "lim@kedai.my").output
    assert told.startswith("Password of lim@kedai.my, shown only now: ")
    with database.write() as session:
        word = told.splitlines()[0].split()[-1]
        assert isinstance(sign_in(session, "lim@kedai.my", word, clock.now()), str)
    run("user", "password", "nobody@kedai.my", code=1)


def key_of(run: Callable[..., Result], name: str, company: str = "kedai") -> str:
    """A new token of Lim."""
    words = ("--company", company, "--name", name, "--scope", "record.read")
    found = re.search(r"cp_\S+", run("token", "add", "lim@kedai.my", *words).output)
    assert found
    return found[0]


def acts(database: Database, key: str, clock: SetClock) -> bool:
    with database.read() as session:
        return operations.bearer(session, key, clock.now()) is not None


def said(database: Database, act: str) -> list[tuple[str, str, str | None]]:
    """(who, what, by which way) of the events of an act."""
    with database.read() as session:
        rows = session.scalars(select(Event).where(Event.act == act).order_by(Event.id)).all()
    return [(row.actor, row.body["say"], row.body.get("via")) for row in rows]


def test_whoever_runs_the_server_ends_a_second_factor_that_was_lost(
    run: Callable[..., Result], database: Database, clock: SetClock
) -> None:
    """As for the last administrator, whom nobody else can help."""
    words = ("user", "two-factor-off", "adam@kedai.my", "--reason")
    run(*words, "Lost phone", code=1)
    phone_of(database, clock, "adam")
    run(*words, "  ", code=1)
    with database.read() as session:
        assert session.scalar(select(SecondFactor.person_id)) is not None
    ended = run(*words, "Lost phone")
    assert "Two-factor authentication of adam@kedai.my ended." in ended.output
    with database.read() as session:
        assert session.scalar(select(SecondFactor.person_id)) is None
    (told,) = said(database, "person.factor_ended")
    assert told[2] == "command line"
    run("user", "two-factor-off", "nobody@kedai.my", "--reason", "Lost phone", code=1)


def test_T32a_a_new_password_ends_the_tokens_of_that_person(
    run: Callable[..., Result], database: Database, clock: SetClock, app: Flask
) -> None:
    first, second = key_of(run, "till"), key_of(run, "stock")
    words = (*COMPANY, "--name", "hers", "--scope", "record.read")
    other = re.search(r"cp_\S+", run("token", "add", "farah@kedai.my", *words).output)
    assert other
    assert acts(database, first, clock)
    run("user", "password", "lim@kedai.my")
    assert [acts(database, one, clock) for one in (first, second, other[0])] == [False, False, True]
    head = {"Authorization": f"Bearer {first}"}
    assert app.test_client().get("/api/v1/c/kedai/holds", headers=head).status_code == 401
    because = "because Lim was given a new password."
    assert said(database, "token.revoked") == [
        ("Clearpost", f"Token {name} was revoked, {because}", "command line")
        for name in ("till", "stock")
    ]
    run("user", "password", "lim@kedai.my")
    assert len(said(database, "token.revoked")) == 2  # what has ended does not end again


def test_T32a_who_leaves_and_comes_back_has_no_tokens(
    run: Callable[..., Result], database: Database, clock: SetClock
) -> None:
    """Before, the old key opened everything again with the first role that was given."""
    run("company", "add", "warung", "--name", "Warung")
    run("user", "add", "lim@kedai.my", "--company", "warung", "--role", "viewer")
    here, there = key_of(run, "till"), key_of(run, "there", "warung")
    run("user", "remove", "lim@kedai.my", *COMPANY)
    run("user", "add", "lim@kedai.my", *COMPANY, "--role", "admin")
    assert (acts(database, here, clock), acts(database, there, clock)) == (False, True)
    [(_, told, _)] = said(database, "token.revoked")
    assert told.startswith("Token till was revoked, because Lim left ")


def test_T32e_what_a_command_does_is_told_as_such(
    run: Callable[..., Result], database: Database, visit: Callable[..., Any]
) -> None:
    run("connection", "pause", "aiaccount", *COMPANY, "--as", "olga@kedai.my", "--reason", "books")
    run("user", "add", "new@kedai.my", *COMPANY, "--role", "viewer")
    [(who, _, via)] = said(database, "connection.paused")
    assert (who, via) == ("Olga", "command line")
    assert said(database, "person.role_granted")[-1][2] == "command line"
    page = visit("olga").text("/c/kedai/connections/aiaccount")
    assert "Olga (command line)" in page
    form = {"reason": "closed"}
    visit("olga").post("/c/kedai/connections/aiaccount/resume", form)
    [(who, _, via)] = said(database, "connection.resumed")
    assert (who, via) == ("Olga", None)


def test_a_deputy_is_named_and_ended(run: Callable[..., Result], database: Database) -> None:
    far, near = "2099-01-01", "2099-01-02"
    run("deputy", "add", "tan@kedai.my", *LEAVE, "--from", far, "--until", near)
    line = run("deputy", "list", *COMPANY).output
    assert "Tan for Lim  2099-01-01 00:00 to 2099-01-03 00:00  on leave" in line
    number = line.split()[0]
    run("deputy", "end", number, *COMPANY, "--as", "vera@kedai.my", code=1)
    run("deputy", "end", number, *COMPANY, "--as", "tan@kedai.my")
    assert "(ended early)" in run("deputy", "list", *COMPANY).output
    run("deputy", "add", "lim@kedai.my", *LEAVE, "--until", near, code=1)


@pytest.mark.parametrize(
    ("first", "last"), [("2026-11-21", "9999-12-31"), ("0001-01-01", "2027-01-01")]
)
def test_a_deputy_for_all_of_the_calendar_is_refused_in_words(
    run: Callable[..., Result], first: str, last: str
) -> None:
    words = ("deputy", "add", "tan@kedai.my", *LEAVE, "--from", first, "--until", last)
    told = run(*words, code=1)
    assert str(told.exception) == "A delegate can be appointed for 92 days at most."


def test_verify_tells_what_was_changed(
    run: Callable[..., Result], database: Database, clock: SetClock
) -> None:
    events.link_due_events(database, now=clock.now(), all_events=True)
    with database.read() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        head = events.chain_head(session, company.id)
    assert head.seq > 10
    noted = f"{head.seq}:{head.hash}"
    told = run("verify", *COMPANY, "--head", noted).output
    assert f"The chain of {head.seq:,} events is whole. Head: {noted}" in told
    run("verify", *COMPANY, "--head", f"{head.seq}:{'0' * 64}", code=1)
    run("verify", *COMPANY, "--head", "yesterday", code=2)
    with database.write() as session:
        raw = session.connection()
        raw.exec_driver_sql("DROP TRIGGER event_no_change")
        raw.exec_driver_sql("UPDATE event SET actor = 'Nobody' WHERE id = 3")
    broken = run("verify", *COMPANY, "--json", code=1).output
    assert "Event 3 (" in broken


def test_T30a_verify_names_table_and_row_of_an_edit(
    run: Callable[..., Result], database: Database, clock: SetClock
) -> None:
    events.link_due_events(database, now=clock.now(), all_events=True)
    told = run("verify", *COMPANY).output
    sealed = re.search(r"answers from event (\d+) on, place (\d+) of the chain\.", told)
    assert sealed, told
    with database.write() as session:
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'version'"
        for guard in session.scalars(text(guards)).all():
            session.execute(text(f'DROP TRIGGER "{guard}"'))
        row = session.scalars(select(Version.id).order_by(Version.id).limit(1)).one()
        session.execute(update(Version).where(Version.id == row).values(body={"total": "1.00"}))
    broken = run("verify", *COMPANY, code=1).output
    assert f"Table version, row {row}: its content is not what event " in broken
    assert " events is whole. Head: " in broken, "the chain itself is"
    facts = json.loads(run("verify", *COMPANY, "--json", code=1).output)
    assert facts["contents_since"] == {"event_id": int(sealed[1]), "seq": int(sealed[2])}
    assert len(facts["breaks"]) == 1
