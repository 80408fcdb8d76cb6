"""Which places of the chain a packet holds: those of its record, up to the next noted head."""

from typing import Any

from holding.db.database import Database
from holding.db.models import Company
from holding.platform import events
from holding.platform.events import Fact, Head, record_events
from holding.records.packet_contents import event_proof
from tests.support.factories import make_company
from tests.support.postings import NOW, make_ready


def test_a_packet_holds_no_place_after_the_head_that_proves_it(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        mine, theirs = (make_ready(session, company, number).record_id for number in "AB")
        record_events(
            session,
            [
                Fact(company_id=company.id, at=NOW, act="test.said", record_id=one, body={"say": n})
                for n, one in zip("123456", (mine, theirs) * 3, strict=True)
            ],
        )
    assert events.link_due_events(database, now=NOW, all_events=True) == 6
    with database.write() as session:
        other = make_company(session, "other").id
        noted = [Head(seq, events.hash_at(session, company.id, seq)) for seq in (3, 5)]
        given: dict[str, Any] = {"noted": noted, "hide": str, "now": NOW}
        given["head"] = events.chain_head(session, company.id)
        whole = event_proof(session, company.id, mine, others=True, **given).events
        alone = event_proof(session, company.id, mine, others=False, **given).events
        earlier = event_proof(
            session, company.id, mine, others=True, **given | {"head": noted[0]}
        ).events
        since = {"head": noted[0], "noted": noted[1:]}  # what was noted since is not known there
        before = event_proof(session, company.id, mine, others=True, **given | since).events
        nobodys = event_proof(session, other, mine, others=True, **given).events
    for found, held in ((whole, [[1, 2, 3], [5]]), (alone, [[1], [3], [5]])):
        assert [[one["seq"] for one in at["links"]] for at in found["stretches"]] == held
        assert [one["say"] for one in found["events"]] == ["1", "3", "5"]
    assert (nobodys["events"], nobodys["stretches"]) == ([], [])
    assert [[one["seq"] for one in at["links"]] for at in earlier["stretches"]] == [[1, 2, 3]]
    assert [one["seq"] for one in earlier["events"]] == [1, 3, None]
    assert [[one["seq"] for one in at["links"]] for at in before["stretches"]] == [[1, 2, 3]]
    assert [one["seq"] for one in earlier["anchors"]] == [3]
