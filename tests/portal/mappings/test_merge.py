"""After a merge of several keys the page tells of all of them what they contradict in the books."""

import pytest
from sqlalchemy import select

from holding.access import actors
from holding.db.models import Company, Person
from holding.db.refusal import Refusal
from holding.mappings import fixes
from tests.portal.web.test_pages import plain

pytestmark = pytest.mark.sqlite


def test_every_key_of_a_merge_stands_on_the_page(visit, database, clock):
    revisions = []
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        person = session.scalars(select(Person).where(Person.email == "farah@kedai.my")).one()
        farah = actors.actor_of(session, person.id, company.id)
        rev = company.revision
        for key in ("C-77", "C-78"):
            done = fixes.fix(
                session, farah, "debtor", key, "Cheng Trading", "one party", clock.now(), rev
            )
            assert not isinstance(done, Refusal), done
            revisions.append(done.revision)
    first, last = revisions
    path = f"/c/kedai/mappings/changes/{last}"
    told = plain(visit("farah").text(f"{path}?since={first}"))
    assert "All keys of this merge; C-78 is shown below" in told
    for row in (
        "Debtor: C-77 Aisyah Rahman → Cheng Trading",
        "Debtor: C-78 Boon & Co → Cheng Trading",
    ):
        assert row in told.replace("&amp;", "&")
    assert "All keys of this merge" not in plain(visit("farah").text(path))
    assert "All keys of this merge" not in plain(visit("farah").text(f"{path}?since=-9"))
