"""How often one content is sent: by itself as the rules say, and once more if a person says so."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Sent
from holding.db.models import Hold, Posting
from holding.db.refusal import Refusal
from holding.holds import retries
from holding.holds.holds import Done
from holding.posting import push_history
from portal.web import store
from tests.holding.life import NUMBERED, TABLES, Begun, Life
from tests.holding.shop import FILES
from tests.support.books import Books
from tests.support.factories import connection_named

TWICE = """
retry aiaccount
    | error                       | do                                      |
    | temporary                   | try 2 times from 60s then hold for accounts |
    | uncertain                   | look up first                           |
    | business_rule               | try 2 times from 60s then hold for accounts |
    | authorization_failed        | hold for accounts                       |
    | duplicate, stale_version    | hold for accounts                       |
    | period_locked, bad_value    | hold for accounts                       |
    | missing_field, mapping_missing | hold for accounts                    |
"""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was said to each call that could have an effect."""
    found: list[str] = []
    plain = Books.send

    def send(books: Books, *given: Any) -> Sent:
        sent = plain(books, *given)
        found.append(sent.answers[0].words)
        return sent

    monkeypatch.setattr(Books, "send", send)
    return found


@pytest.fixture
def life(begun: Begun, calls: list[str]) -> Life:
    return begun(FILES | {"shop.rules": NUMBERED + TABLES + TWICE})


def wait(life: Life, hours: int = 2) -> None:
    """Long enough for every pause of the table, and for a try by hand."""
    for _ in range(hours * 4):
        life.shop.clock.advance(900)
        life.work()


def by_hand(life: Life) -> Done | Refusal:
    with life.shop.database.write() as session:
        hold_id = session.scalars(select(Hold.id).where(Hold.state == "open")).one()
        made = retries.retry(session, life.shop.actor("tan"), hold_id, life.shop.now)
    life.work()
    return made


def posting(life: Life) -> Posting:
    with life.shop.database.read() as session:
        return life.shop.posting(session, "A-1")


MOODS = {"not now": "later", "refused": "refuse", "no answer": "away"}


@pytest.mark.parametrize("mood", MOODS.values(), ids=MOODS)
def test_T10a_a_try_by_hand_is_one_call_more_and_no_new_series(
    life: Life, calls: list[str], mood: str
) -> None:
    life.books.moods = [mood] * 9
    life.arrive("A-1")
    wait(life)
    assert len(calls) == 2
    assert life.held("A-1") == ["TGT04"]
    if mood == "refuse":
        life.shop.publish({**FILES, "shop.rules": f"{NUMBERED}{TABLES}{TWICE}\n"})
        life.work()
    else:
        assert isinstance(by_hand(life), Done)
    wait(life)
    assert len(calls) == 3
    assert life.held("A-1") == ["TGT04"]
    assert posting(life).tries == 3


def test_T10a_a_new_content_starts_at_zero(life: Life, calls: list[str]) -> None:
    life.books.moods = ["later"] * 4
    life.arrive("A-1")
    wait(life)
    life.arrive("A-1", customer="C-78")
    assert posting(life).tries == 1
    wait(life)
    assert (len(calls), life.held("A-1")) == (4, ["TGT04"])


def test_T10a_what_was_posted_has_used_up_nothing(life: Life, calls: list[str]) -> None:
    """The change of it has its own two tries, and so has the same change planned once more."""
    life.books.moods = ["later"]
    life.arrive("A-1")
    wait(life)
    assert (posting(life).state, posting(life).tries) == ("posted", 0)
    life.books.moods = ["later"] * 9
    life.arrive("A-1", customer="C-78")
    wait(life)
    assert len(calls) == 2 + 2
    assert isinstance(by_hand(life), Done)
    wait(life)
    assert len(calls) == 2 + 3


def verdicts(life: Life) -> list[store.Retry]:
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        return [store.retry_verdict(row) for row in push_history.load_pushes(session, record.id)]


def test_T10b_it_says_automatically_only_where_a_try_is_due(life: Life) -> None:
    life.books.moods = ["later"] * 9
    life.arrive("A-1")
    due = posting(life).due_at
    assert due is not None
    (waits,) = verdicts(life)
    assert (waits.word, waits.at, waits.left) == ("Yes", due, 1)
    assert "automatically" not in waits.why  # the page says it with the time
    wait(life)
    first, last = verdicts(life)
    assert (first.at, last.at) == (None, None)
    assert first.why == "It was sent again later."
    assert last.why == (
        "The accounting system is busy or not responding. It was tried 2 times and is not retried"
        " automatically. A person may have it tried again from its hold: it is then sent once more."
    )
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "A-1")
    assert hold.would_pass == "a person retries it; it is then sent once more"
    assert hold.message == "Gave up after 2 tries. Not now."


def test_T10b_nothing_is_due_while_its_connection_is_paused(life: Life) -> None:
    life.books.moods = ["later"]
    life.arrive("A-1")
    with life.shop.database.write() as session:
        connection_named(session, life.shop.company, "aiaccount").paused_at = life.shop.now
    (waits,) = verdicts(life)
    assert (waits.word, waits.at) == ("Not yet", None)
    assert "It is sent again when posting resumes." in waits.why


def test_T10b_after_a_try_by_hand_no_try_is_left(life: Life) -> None:
    life.books.moods = ["later"] * 9
    life.arrive("A-1")
    wait(life)
    with life.shop.database.write() as session:
        hold_id = session.scalars(select(Hold.id).where(Hold.state == "open")).one()
        retries.retry(session, life.shop.actor("tan"), hold_id, life.shop.now)
    life.shop.judge()
    assert [one.left for one in verdicts(life)][-1] == 0
    life.shop.clock.advance(int(timedelta(hours=2).total_seconds()))
    life.work()
    assert [one.at for one in verdicts(life)] == [None] * 3


@pytest.mark.parametrize(
    ("state", "word"), [("ready", "retrying"), ("waiting", "pending"), ("failed", "failed")]
)
def test_T10b_the_short_word_says_retrying_only_of_what_goes_again(state: str, word: str) -> None:
    assert store.plain_state(state, 2) == word
