"""A key that is refused, whoever finds out: one exception with an owner, told once, and no call
until there is another key.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.transport.http import Http, HttpAnswer, HttpFailure
from holding.access.actors import SYSTEM
from holding.connections.connections import set_key
from holding.db.models import Connection, Event, Hold, Posting
from holding.records import trace
from holding.runs.dispatch import companies_due
from tests.connectors.simulator_processes import SAMPLES, Simulator
from tests.holding.desks import KEYS
from tests.holding.life import Life
from tests.holding.posting import test_quickbooks_cells
from tests.holding.posting.test_autocount_life import effects, life
from tests.holding.posting.test_autocount_life import running as _running
from tests.holding.posting.test_quickbooks_cells import House, house
from tests.holding.quickbooks_cells import plain
from tests.holding.shop import Shop, order

__all__ = ["house", "life"]  # fixtures
ACTS = ("connection.refused", "connection.not_renewed", "connection.away", "connection.back")


@pytest.fixture(scope="module")
def autocount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    yield from _running.__wrapped__(tmp_path_factory)  # type: ignore[attr-defined]


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Simulator:
    """AutoCount's stand-in, or QuickBooks', for whom the test needs it."""
    if "life" in request.fixturenames:
        return request.getfixturevalue("autocount")  # type: ignore[no-any-return]
    return request.getfixturevalue("intuit")  # type: ignore[no-any-return]


intuit = pytest.fixture(test_quickbooks_cells.running.__wrapped__)  # type: ignore[attr-defined]


def told(shop: Shop) -> dict[str, int]:
    query = select(Event.act, func.count()).where(Event.act.in_(ACTS)).group_by(Event.act)
    with shop.database.read() as session:
        return {act.partition(".")[2]: count for act, count in session.execute(query)}


def exceptions(shop: Shop) -> list[tuple[str, str, str]]:
    """(number, class, what is said) of the open holds, each with an owner."""
    with shop.database.read() as session:
        holds = [one for number in shop.states() for one in shop.holds(session, number)]
        assert all(one.team_id for one in holds)
        return [(one.number, one.error_class, one.message) for one in holds]


class Refusing(Http):
    """The searches of AutoCount are answered with a no to our key."""

    searches, refuses = 0, True

    def request(self, method: str, url: str, **given: Any) -> HttpAnswer | HttpFailure:
        if not (self.refuses and url.endswith("/listing")):
            return super().request(method, url, **given)
        self.searches += 1
        return HttpAnswer(status=403, headers={}, body=b"{}", seconds=0.0, at=self._clock.now())


def arrive(life: Life, *numbers: str) -> None:
    stamp = life.shop.now.isoformat()
    life.shop.receive(*(order(number, updated_at=stamp) for number in numbers))


def give_key(life: Life) -> None:
    with life.shop.database.write() as session:
        made = session.scalars(select(Connection).where(Connection.connector == "autocount")).one()
        set_key(session, SYSTEM, made.id, SAMPLES["autocount"].secret, now=life.shop.now, keys=KEYS)


def goes_on(life: Life) -> None:
    for _ in range(4):
        life.work()
        life.shop.clock.advance(60)


@pytest.mark.slow
def test_a_search_that_is_refused_is_no_absence(life: Life) -> None:
    http = Refusing(life.shop.clock)
    life.desk = replace(life.desk, http=http)
    arrive(life, "A-1", "A-2", "A-3")
    goes_on(life)
    assert http.searches == 1
    ((number, error_class, _),) = exceptions(life.shop)
    assert (number[:2], error_class) == ("A-", "authorization_failed")
    assert sorted(life.shop.states().values()) == ["held", "ready", "ready"]
    assert told(life.shop) == {"refused": 1}
    http.refuses = False
    give_key(life)
    goes_on(life)
    assert set(life.shop.states().values()) == {"posted"}
    assert len(effects(life)) == 3
    assert told(life.shop) == {"refused": 1, "back": 1}


def test_what_a_mere_reading_met_the_next_document_says(life: Life) -> None:
    """Nothing waited when the key was refused: what comes then carries the exception."""
    arrive(life, "A-1")
    life.work()
    http = Refusing(life.shop.clock)
    life.desk = replace(life.desk, http=http)
    with life.shop.database.write() as session:
        for posting in session.scalars(select(Posting)):
            posting.read_due_at = life.shop.now
    control = life.books.control  # type: ignore[attr-defined]
    control("rekey", key_id="cp-demo", secret="another-one")
    life.work()
    assert (told(life.shop), exceptions(life.shop)) == ({"refused": 1}, [])
    arrive(life, "A-2", "A-3")
    while life.shop.judge():
        pass
    with life.shop.database.read() as session:
        assert companies_due(session, life.shop.now) == (life.shop.company.id,)
    before = http.searches
    goes_on(life)
    ((number, error_class, words),) = exceptions(life.shop)
    assert (number, error_class) == ("A-2-1", "authorization_failed")
    assert words.endswith("does not accept the API key.")
    assert life.shop.states() == {"A-1": "posted", "A-2": "held", "A-3": "ready"}
    with life.shop.database.read() as session:
        assert companies_due(session, life.shop.now) == (), "it is told, and nobody may call"
    assert http.searches == before
    control("rekey", key_id="cp-demo", secret=SAMPLES["autocount"].secret)
    http.refuses = False
    give_key(life)
    goes_on(life)
    assert set(life.shop.states().values()) == {"posted"}
    assert len(effects(life)) == 3
    with life.shop.database.read() as session:
        (ended,) = session.scalars(select(Hold.closed_why))
        caught = trace.answer_questions(session, life.shop.record(session, "A-2").id)[-1].text
    assert ended == "the credentials of autocount were accepted again"
    assert caught.endswith(f": {ended}.")


class Losing(Http):
    """So many answers to an exchange of tokens never come."""

    left = exchanges = 0
    then: tuple[Callable[[], object], ...] = ()
    """What happens when one was lost."""

    def request(self, method: str, url: str, **given: Any) -> HttpAnswer | HttpFailure:
        answer = super().request(method, url, **given)
        if not url.endswith("/tokens/bearer"):
            return answer
        self.exchanges += 1
        self.left -= 1
        if self.left < 0:
            return answer
        for one in self.then:
            one()
        return HttpFailure(kind="no_answer", words="No answer in time.", seconds=5.0)


@pytest.fixture
def losing(house: House) -> Losing:
    http = Losing(house.shop.clock)
    house.desk = replace(house.desk, http=http)
    house.shop.clock.advance(3600)  # the token is over
    return http


def run_on(house: House, turns: int = 6) -> None:
    for _ in range(turns):
        house.work()
        house.shop.clock.advance(30)


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_renewal_whose_answer_was_lost_is_asked_for_again(house: House, losing: Losing) -> None:
    losing.left = 2
    house.deliver(plain("Q1", price="31.00"), plain("Q2", price="32.00"))
    run_on(house)
    assert house.shop.states() == {"Q1": "posted", "Q2": "posted"}
    assert told(house.shop) == {"not_renewed": 1}
    assert losing.exchanges == 3


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_renewal_that_is_refused_is_a_refused_key(house: House, losing: Losing) -> None:
    """Its answer was lost, and when it is asked for again, the old token is not good any more."""
    losing.left = 1
    losing.then = (lambda: house.sim.control("clock", offset_seconds=25 * 3600),)
    house.deliver(plain("Q1", price="31.00"), plain("Q2", price="32.00"))
    run_on(house)
    ((_, error_class, words),) = exceptions(house.shop)
    assert error_class == "authorization_failed"
    assert "answered 400 to the refresh token: invalid_grant." in words
    assert sorted(house.shop.states().values()) == ["held", "ready"]
    assert told(house.shop) == {"refused": 1, "not_renewed": 2}
    asked = losing.exchanges
    run_on(house, turns=20)
    assert losing.exchanges == asked, "nobody asks again and again"
    assert told(house.shop) == {"refused": 1, "not_renewed": 2}
    assert len(exceptions(house.shop)) == 1
    house.sim.control("authorize", number=7)
    with house.shop.database.write() as session:
        row = session.get_one(Connection, house.target)
        key = "qbo-client-3Rk9:qbo-refresh-5Mx8-7"
        set_key(session, SYSTEM, row.id, key, now=house.shop.now, keys=KEYS)
    run_on(house)
    assert house.shop.states() == {"Q1": "posted", "Q2": "posted"}
    assert exceptions(house.shop) == []
    assert told(house.shop) == {"refused": 1, "not_renewed": 2, "back": 1}


@pytest.mark.slow
@pytest.mark.sqlite
def test_what_a_renewal_before_a_reading_met_the_next_document_says(
    house: House, losing: Losing
) -> None:
    house.sim.control("revoke")
    with house.shop.database.write() as session:
        for posting in session.scalars(select(Posting)):
            posting.read_due_at = house.shop.now
    house.shop.clock.advance(timedelta(minutes=1).total_seconds())
    house.deliver(plain("Q1", price="31.00"))
    assert [one[1] for one in exceptions(house.shop)] == ["authorization_failed"]
    assert losing.exchanges == 1
