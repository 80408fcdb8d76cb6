"""Notices in the browser: who may add whom, what is refused, what each digest counts."""

import json
import re
import smtplib
from datetime import timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import select, text

from connectors.transport import http as mail
from connectors.transport.http import HttpAnswer, HttpFailure, MailServer, send_mail
from holding.access.actors import Keys, load_keys
from holding.connections import open_signals
from holding.db.models import Attempt, Request, Signal
from holding.db.models.columns import NoticeState, RecipientKind, SignalKind
from holding.operations import planning, recipients, sending
from holding.operations.planning import DigestTimes, period
from holding.operations.recipients import Wish
from holding.operations.sending import outcome_of
from holding.platform.settings import Settings
from tests.portal.reading import one, plain

PAGE = "/c/kedai/notices"
ROOT = "https://clearpost.example"


@pytest.fixture
def plan(database, clock):
    """A worker looks for what is to be told; how many messages are due."""

    def act() -> int:
        with database.write() as session:
            planning.plan_due_notices(session, clock.now(), root=ROOT)
        return one(database, "SELECT count(*) FROM notice WHERE state = 'due'")

    return act


def add(visit, status: int = 303, who: str = "adam", **given):
    return visit(who).post(f"{PAGE}/recipients", {"gets": ["digest"], **given}, status=status)


def person(database, name: str) -> int:
    return one(database, f"SELECT id FROM person WHERE email = '{name}@kedai.my'")


def test_only_an_administrator_says_who_is_told(visit, database):
    add(visit, 403, who="farah", kind="person", person=person(database, "farah"))
    add(visit, kind="person", person=person(database, "farah"))
    assert "Remove" in visit("farah").text(PAGE)
    visit("farah").post(f"{PAGE}/recipients/1/remove", {}, status=403)
    visit("farah").post(f"{PAGE}/recipients/1/test", {}, status=403)
    visit("farah").post(f"{PAGE}/times", {"at": "08:00", "day": ["0"]}, status=403)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "person"}, "Choose a person of this company."),
        ({"kind": "mail", "address": "a@b.my, c@d.my"}, "Enter one address"),
        ({"kind": "mail", "address": "a@b.my\nBcc: c@d.my"}, "Enter one address"),
        ({"kind": "mail", "address": "jörg@b.my"}, "Enter one address"),
        ({"kind": "mail", "address": "a@bücher.my"}, "Enter one address"),
        ({"kind": "webhook", "address": "http://192.168.1.1/"}, "inside a network"),
        ({"kind": "webhook", "address": "file:///etc/passwd"}, "must begin with https://"),
        ({"kind": "webhook", "address": "http://127.0.0.1/a\r\nX-Key: 1"}, "without spaces"),
        ({"kind": "webhook", "address": "http://127.0.0.1/a b"}, "without spaces"),
        ({"kind": "webhook", "address": "http://127.0.0.1/\u200b"}, "without spaces"),
        ({"kind": "webhook", "address": "http://127.0.0.1/", "team": "999"}, "Choose a team"),
        ({"kind": "mail", "address": "a@b.my", "gets": []}, "Choose what they get."),
        ({"kind": "pigeon"}, "Choose how they are told."),
        ({"kind": "mail", "address": "a@b.my" + "x" * 500}, "At most 500 characters"),
    ],
)
def test_a_recipient_that_cannot_be_told_is_refused(visit, database, given, words):
    assert words in plain(add(visit, 422, **given).get_data(as_text=True))
    assert one(database, "SELECT count(*) FROM recipient") == 0


def test_a_stranger_is_no_recipient_and_nobody_is_twice(visit, database):
    stranger = one(database, "SELECT id FROM person WHERE email = 'stranger@lain.my'")
    add(visit, 422, kind="person", person=stranger)
    add(visit, kind="mail", address="desk@example.my")
    add(visit, 422, kind="mail", address="desk@example.my")


def test_a_digest_counts_what_waits_for_its_recipient_alone(visit, database, clock, plan):
    add(visit, kind="person", person=person(database, "farah"))
    add(visit, kind="mail", address="all@example.my")
    add(visit, kind="person", person=person(database, "olga"))
    visit("adam").post(f"{PAGE}/times", {"at": "00:00", "day": list("0123456")}, status=303)
    assert plan() == 0
    clock.advance(timedelta(days=1))
    assert plan() == 2  # nothing waits for olga
    assert plan() == 2
    told = {
        row[0]: json.loads(row[1])
        for row in _rows(database, "SELECT recipient_id, body FROM notice ORDER BY recipient_id")
    }
    whole = one(database, "SELECT count(DISTINCT record_id) FROM hold WHERE state = 'open'")
    mine = one(
        database,
        "SELECT count(DISTINCT record_id) FROM hold WHERE state = 'open' AND team_id IN"
        " (SELECT id FROM team WHERE name = 'sales_admin')",
    )
    assert sum(one["records"] for one in told[1]["groups"]) == mine
    assert {one["owner"] for one in told[1]["groups"]} < {one["owner"] for one in told[2]["groups"]}
    assert sum(one["records"] for one in told[2]["groups"]) >= whole > mine > 0
    assert told[3] == {}
    clock.advance(timedelta(days=1))
    assert plan() == 4


def _rows(database, query: str):
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(query).fetchall()


def test_a_period_is_the_newest_of_its_days_since_it_was_set(clock):
    now = clock.now()
    since = now - timedelta(days=30)
    every = DigestTimes("08:00", tuple(range(7)), since)
    found = period(every, "Asia/Kuala_Lumpur", now)
    assert found is not None
    assert now - timedelta(days=1) < found <= now
    assert (found + timedelta(hours=8)).strftime("%H:%M") == "08:00"
    assert period(DigestTimes("08:00", (), since), "UTC", now) is None
    assert period(DigestTimes("08:00", tuple(range(7)), now), "UTC", now) is None
    week = {period(DigestTimes("08:00", (day,), since), "UTC", now) for day in range(7)}
    assert len(week) == 7


@pytest.mark.parametrize(
    ("answer", "state", "again"),
    [
        (200, NoticeState.SENT, False),
        (204, NoticeState.SENT, False),
        (302, NoticeState.FAILED, False),
        (404, NoticeState.FAILED, False),
        (429, NoticeState.FAILED, True),
        (500, NoticeState.FAILED, True),
        ("not_sent", NoticeState.FAILED, True),
        ("blocked", NoticeState.FAILED, False),
        ("no_answer", NoticeState.UNKNOWN, False),
    ],
)
def test_what_may_have_arrived_is_not_sent_again(clock, answer, state, again):
    if isinstance(answer, int):
        given = HttpAnswer(status=answer, headers={}, body=b"", seconds=0.1, at=clock.now())
    else:
        given = HttpFailure(kind=answer, words="Gone.", seconds=0.1)
    found = outcome_of(given)
    assert (found.state, found.again) == (state, again)


def test_a_claim_of_a_dead_worker_is_due_again_and_a_begun_call_is_not(
    visit, database, clock, plan, seeded
):
    add(visit, kind="mail", address="all@example.my")
    visit("adam").post(f"{PAGE}/recipients/1/test", {}, status=303)
    with database.write() as session:
        company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
        claimed = sending._claim(session, company, "dead", clock.now())
        assert claimed is not None
        assert sending._claim(session, company, "other", clock.now()) is None
    with database.read() as session:
        assert sending.due_companies(session, clock.now()) == []
    clock.advance(timedelta(minutes=3))
    with database.read() as session:
        assert sending.due_companies(session, clock.now()) == [company]
    with database.write() as session:
        sending._recover(session, company, clock.now())
        again = sending._claim(session, company, "second", clock.now())
        assert again is not None
        assert again.tries == 2
        late = {"state": NoticeState.SENDING}
        assert not sending._moved(session, again.id, "dead", NoticeState.CLAIMED, **late)
        assert sending._moved(
            session, again.id, "second", NoticeState.CLAIMED, state=NoticeState.SENDING
        )
    clock.advance(timedelta(minutes=3))
    with database.write() as session:
        sending._recover(session, company, clock.now())
        assert sending._claim(session, company, "third", clock.now()) is None
    assert one(database, "SELECT state FROM notice") == "unknown"
    assert "It may have arrived." in plain(visit("adam").text(PAGE))


def test_a_secret_is_readable_for_its_own_row_alone(visit, database, clock, seeded):
    page = add(visit, 200, kind="webhook", address="http://127.0.0.1:9/x").get_data(as_text=True)
    secret = re.search(r'id="secret" readonly value="([^"]+)"', page)
    assert secret
    stored = one(database, "SELECT secret FROM recipient")
    assert secret[1] not in stored
    keys = load_keys(Settings.from_env())
    assert isinstance(keys, Keys)
    assert keys.decrypt(stored, row=recipients.bound(1)) == secret[1]
    assert keys.decrypt(stored, row=recipients.bound(2)) != secret[1]


def test_the_path_of_a_webhook_is_shown_nowhere(visit, database):
    address = "http://127.0.0.1:9/services/T0/B0/letmein"
    made = add(visit, 200, kind="webhook", address=address, gets=["packets"])
    assert "letmein" not in made.get_data(as_text=True)
    visit("adam").post(f"{PAGE}/recipients/1/test", {}, status=303)
    for path in (PAGE, f"{PAGE}.json", "/c/kedai/audit"):
        text = visit("adam").text(path)
        assert "letmein" not in text, path
        assert "127.0.0.1:9" in text, path


def test_who_left_is_told_nothing(visit, database, clock, plan):
    add(visit, kind="person", person=person(database, "farah"), gets=["digest", "urgent"])
    visit("adam").post(f"{PAGE}/times", {"at": "00:00", "day": list("0123456")}, status=303)
    visit("adam").post(f"/c/kedai/people/{person(database, 'farah')}/leave", {}, status=303)
    clock.advance(timedelta(days=1))
    assert plan() == 0
    assert Wish(kind=RecipientKind.MAIL).digest is False


@pytest.mark.parametrize("how", ["removed", "left", "may not sign in", "stays"])
def test_a_message_that_waits_is_not_sent_to_who_is_told_no_more(visit, database, clock, how):
    farah = person(database, "farah")
    add(visit, kind="person", person=farah)
    adam = visit("adam")
    adam.post(f"{PAGE}/recipients/1/test", {}, status=303)
    if how == "removed":
        adam.post(f"{PAGE}/recipients/1/remove", {}, status=303)
    elif how == "left":
        adam.post(f"/c/kedai/people/{farah}/leave", {}, status=303)
    elif how == "may not sign in":
        with database.write() as session:
            session.execute(text("UPDATE person SET active = false WHERE id = :id"), {"id": farah})
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    tools = sending.Tools(http=None, keys=None, mail=None)
    sending.send_due(database, clock, company, owner="x", tools=tools)
    [(state, answer, due)] = _rows(database, "SELECT state, answer, due_at FROM notice")
    if how == "stays":
        assert (state, "No mail server" in answer) == ("due", True)
    else:
        assert (state, due) == ("failed", None)
        assert answer == "It was not sent: they are no longer a recipient."


def test_an_address_that_mail_cannot_carry_has_failed_for_good(visit, database, clock):
    add(visit, kind="person", person=person(database, "farah"))
    visit("adam").post(f"{PAGE}/recipients/1/test", {}, status=303)
    with database.write() as session:
        session.execute(text("UPDATE person SET email = 'färah@kedai.my' WHERE name = 'Farah'"))
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    server = MailServer("127.0.0.1", 9, "clearpost@example.my")
    tools = sending.Tools(http=None, keys=None, mail=server)
    sending.send_due(database, clock, company, owner="x", tools=tools)
    assert _rows(database, "SELECT state, answer FROM notice") == [
        ("failed", "It was not sent: the address has letters that mail cannot carry.")
    ]
    nowhere = MailServer("a" * 64 + ".example", 25, "clearpost@example.my")
    told = send_mail(nowhere, to="farah@kedai.my", subject="x", text="x")
    assert (told.final, told.unasked, told.doubtful) == (True, True, False)


class _Line(smtplib.SMTP):
    """A server that takes everything; `raw` is what it got."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = b""

    def ehlo_or_helo_if_needed(self) -> None: ...
    def mail(self, *_: object) -> tuple[int, bytes]:
        return 250, b""

    rcpt = mail

    def docmd(self, word: str, _: str = "") -> tuple[int, bytes]:
        return 354 if word == "DATA" else 221, b""

    def send(self, raw: bytes) -> None:
        self.raw += raw

    def getreply(self) -> tuple[int, bytes]:
        return 250, b""


def test_no_line_of_a_mail_is_longer_than_mail_allows(monkeypatch):
    line = _Line()
    monkeypatch.setattr(mail, "_connected", lambda server: line)
    server = MailServer("mail.example", 25, "books@kedai.my", tls="none")
    assert send_mail(server, to="farah@kedai.my", subject="x", text="word " * 800).taken
    assert max(map(len, line.raw.split(b"\r\n"))) <= 998
    assert message_from_bytes(line.raw).get_payload(decode=True).startswith(b"word word ")


@pytest.mark.parametrize("path", [f"{PAGE}/recipients/9/test", "/c/kedai/escalations/9/deliver"])
def test_messages_are_not_asked_for_endlessly(visit, path):
    adam = visit("adam" if "test" in path else "farah")
    for _ in range(12):
        adam.post(path, {}, status=404)
    adam.post(path, {}, status=429)


def test_a_signal_is_told_once_to_who_was_there_when_it_began(visit, database, clock, plan):
    add(visit, kind="mail", address="first@example.my", gets=["urgent"])
    clock.advance(timedelta(minutes=1))
    with database.write() as session:
        company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
        kept = {"kind": SignalKind.AUTHORIZATION_LOST, "key": "1", "money": {}}
        session.add(Signal(company_id=company, opened_at=clock.now(), **kept))
    clock.advance(timedelta(minutes=1))
    add(visit, kind="mail", address="late@example.my", gets=["urgent"])
    assert (plan(), plan()) == (1, 1)
    told = "SELECT recipient_id FROM notice WHERE kind = 'urgent'"
    assert one(database, told) == one(
        database, "SELECT id FROM recipient WHERE address = 'first@example.my'"
    )


def test_totals_that_differ_after_a_retry_are_a_signal_and_those_of_one_call_are_not(
    database, clock
):
    wrong = "SELECT posted_push_id FROM posting WHERE state = 'posted' AND posted_push_id > 0"
    push = one(database, f"{wrong} ORDER BY id LIMIT 1")
    total = "(SELECT amount FROM posting WHERE posted_push_id = push.id)"
    more = f"UPDATE push SET kept = {total} + 500 WHERE id = :push"

    def raised() -> list[str]:
        with database.write() as session:
            open_signals.refresh_signals(session, clock.now())
        found = "SELECT kind FROM signal WHERE kind = 'totals_differ' AND cleared_at IS NULL"
        return [str(row[0]) for row in _rows(database, found)]

    with database.write() as session:
        session.execute(text(more), {"push": push})
    assert raised() == []  # it was sent once
    with database.write() as session:
        _sent_again(session, push)
    assert raised() == ["totals_differ"]
    with database.write() as session:
        session.execute(text("UPDATE push SET kept = NULL WHERE id = :push"), {"push": push})
    assert raised() == []


def _sent_again(session, push: int) -> None:
    """The same push once more, as a retry leaves it."""
    first = session.scalars(select(Attempt).where(Attempt.push_id == push).limit(1)).one()
    call = Request(**_but_id(session.get_one(Request, first.request_id)))
    session.add(call)
    session.flush()
    session.add(Attempt(**{**_but_id(first), "request_id": call.id, "no": 9}))


def _but_id(row) -> dict:
    return {one.key: getattr(row, one.key) for one in row.__table__.columns if one.key != "id"}
