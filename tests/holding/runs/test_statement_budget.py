"""What sending asks of the database: so many statements for a file, however many documents it has.

Here: statements and commits counted at the driver, the look for more work included, under real
rules and with real stories. Not here: what is written (tests/holding/posting).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Answer
from connectors.targets.aiaccount.connector import AiAccount
from connectors.transport.http import Http
from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Attempt, Company, Posting, Push, Request, RulesetVersion, Run
from holding.db.refusal import Refusal
from holding.posting import prepare
from holding.posting.evidence import Storyteller
from holding.programs import world
from holding.runs import date_ranges, range_preview
from tests.holding.pushing import Lane
from tests.holding.shop import Shop, open_shop, order
from tests.support.clock import SetClock

WORKBOOK = 40
"""Statements and commits for a file, whatever is in it."""
ALONE, FURTHER, IDLE = 26, 20, 1
"""The same of a document that is sent by itself, of each further one of the same pass, and of a
pass with nothing to do."""
OPERATOR = frozenset({"operator"})
YEAR = date(2026, 1, 1), date(2026, 12, 31)


@contextmanager
def counted(database: Database) -> Iterator[Counter[str]]:
    """Count the statements and commits that the driver receives from now on, by their text."""
    counts: Counter[str] = Counter()
    with database.overheard() as statements:
        yield counts
    counts.update(text.partition(" VALUES ")[0] for text in statements)


@pytest.fixture
def shop(lane: Lane, database: Database, company: Company, clock: SetClock) -> Shop:
    """A shop under real rules; its target is AiAccount."""
    made = open_shop(database, company, clock)
    made.publish()
    return made


@pytest.fixture
def lane_of(lane: Lane) -> Lane:
    """A worker that keeps real stories, and has time on a busy machine."""
    http = Http(lane.clock, read_seconds=120)
    return replace(lane, desk=replace(lane.desk, trace=Storyteller(lane.desk.database), http=http))


def ready(shop: Shop, first: int, count: int) -> None:
    """Orders that came and were judged; their documents wait for a run."""
    numbers = range(first, first + count)
    for part in range(0, count, 200):
        shop.receive(*(order(f"NS-{no}") for no in numbers[part : part + 200]))
    shop.judge()
    with shop.database.write() as session:
        mine = Posting.number.in_([f"NS-{no}" for no in numbers])
        session.execute(update(Posting).where(mine).values(due_at=None))


def sync(shop: Shop, lane: Lane) -> None:
    with shop.database.write() as session:
        there, company_id = lane.connection(session).id, shop.company.id
        seen = range_preview.preview(session, company_id, there, "sales_invoice", *YEAR, shop.now)
        started = date_ranges.sync(
            session,
            Actor(None, "Tan", "tan@example.test", company_id, OPERATOR),
            company_id=company_id,
            connection_id=there,
            doc_type="sales_invoice",
            first=YEAR[0],
            last=YEAR[1],
            expected_count=seen.will_send.count,
            expected_total=seen.will_send.figure,
            now=shop.now,
        )
        assert not isinstance(started, Refusal), started


def sent(shop: Shop, lane: Lane, first: int, count: int) -> Counter[str]:
    """What it takes to send so many in one file, from its claim until nothing is left to do."""
    ready(shop, first, count)
    sync(shop, lane)
    before = len(lane.rows(Request))
    with counted(shop.database) as asked:
        lane.work()
    assert len(lane.rows(Request)) == before + 1
    assert {shop.states()[f"NS-{no}"] for no in range(first, first + count)} == {"posted"}
    return asked


def grown(few: Counter[str], many: Counter[str]) -> dict[str, int]:
    return {said: more for said, count in many.items() if (more := count - few[said])}


def test_a_file_costs_the_same_however_many_documents_it_has(shop: Shop, lane_of: Lane) -> None:
    sent(shop, lane_of, 1000, 1)  # the first of a process loads rules and texts
    few = sent(shop, lane_of, 2000, 3)
    many = sent(shop, lane_of, 3000, 30)
    assert grown(few, many) == {}
    assert many.total() <= WORKBOOK, many


def test_documents_sent_by_themselves_keep_their_budget(shop: Shop, lane_of: Lane) -> None:
    """A pass, and each further document of it; alone it is in a run that has to be made, or in the
    one before it.
    """
    costs = {}
    for first, count in ((1000, 1), (2000, 1), (2500, 1), (3000, 6)):
        if first != 2500:
            shop.clock.advance(6)
        shop.receive(*(order(f"NS-{no}") for no in range(first, first + count)))
        shop.judge()
        with counted(shop.database) as asked:
            assert lane_of.work() == count
        costs[first] = asked.total()
    assert len(lane_of.rows(Run)) == 3
    assert max(costs[2000], costs[2500]) <= ALONE, costs
    assert costs[3000] - costs[2000] <= 5 * FURTHER, asked


def test_what_a_look_notes_of_the_rules_is_what_their_row_says(
    shop: Shop, lane_of: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def noted(session: Session, version_id: int, rules_hash: str) -> None:
        world.note_hash(session, version_id, rules_hash)
        seen.append((version_id, world._hash_of(session, version_id)))

    monkeypatch.setattr(prepare, "note_hash", noted)
    shop.receive(order("NS-1"))
    shop.judge()
    assert lane_of.work() == 1
    rows = [(row.id, row.hash) for row in lane_of.rows(RulesetVersion)]
    assert seen == rows * 2, "before the write, and in it"


def test_a_pass_that_finds_nothing_to_do_writes_nothing(shop: Shop, lane_of: Lane) -> None:
    """Whoever asks in a transaction that writes makes all others wait on SQLite."""
    lane_of.work()
    with counted(shop.database) as asked:
        assert lane_of.work() == 0
    assert "COMMIT" not in asked
    assert asked.total() <= IDLE, asked


def test_the_pushes_of_a_full_file_are_one_statement(database: Database) -> None:
    """SQLAlchemy parts what has more rows or parameters than these."""
    dialect = database.engine.dialect
    most = max(target.file_limits.documents for target in registry.targets().values())
    assert most >= 500
    assert most <= dialect.insertmanyvalues_page_size
    assert most * len(Push.__table__.columns) <= dialect.insertmanyvalues_max_parameters


@pytest.mark.slow
def test_a_file_of_which_much_is_refused_costs_more_for_those_alone(
    shop: Shop, lane_of: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that is refused has its own pause, hold and words; what was taken is written at once."""
    real = AiAccount.send
    no = Answer(kind="refused", error_class="business_rule", code="E1", words="No.")

    def some(self, payload, *rest):  # type: ignore[no-untyped-def]
        told = real(self, payload, *rest)
        return replace(told, answers=(no, no, *told.answers[2:]))

    monkeypatch.setattr(AiAccount, "send", some)
    costs = []
    for first, count in ((1000, 3), (2000, 4), (3000, 24)):
        ready(shop, first, count)
        sync(shop, lane_of)
        with counted(shop.database) as asked:
            lane_of.work()
        costs.append(asked.total())
    assert costs[1] == costs[2]
    states = Counter(shop.states().values())
    assert states == {"failed": 6, "posted": 25}
    ended = Counter(row.state for row in lane_of.rows(Attempt))
    assert ended == {"refused": 6, "accepted": 25}
