"""The rules tab of a posting shows the judging that its answers are told from."""

from sqlalchemy import select

from holding.db.models import Posting
from holding.records import story, trace
from tests.holding.life import LARGE, NUMBERED, TABLES, Begun
from tests.holding.shop import FILES


def test_each_posting_of_a_record_is_told_by_its_own_judging(begun: Begun) -> None:
    life = begun(FILES | {"shop.rules": NUMBERED + TABLES})
    life.arrive("A-1")
    life.arrive("A-1", **LARGE)
    life.arrive("A-2")
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        postings = session.scalars(select(Posting).where(Posting.record_id == record.id)).all()
        deciding = {one.id: trace.deciding_verdicts(session, record.id, one.id) for one in postings}
        told = {one.id: story.load_case(session, record.id, one.id) for one in postings}
        other = session.scalars(select(Posting.id).where(Posting.record_id != record.id)).first()
        newest = trace.deciding_evaluation(session, record.id)
        assert trace.deciding_evaluation(session, record.id, other) == newest
    assert len({evaluation for evaluation, _ in deciding.values()}) > 1
    for key, case in told.items():
        assert case is not None
        assert case.evaluation is not None
        assert deciding[key][0] == case.evaluation.id
        assert deciding[key][1]
