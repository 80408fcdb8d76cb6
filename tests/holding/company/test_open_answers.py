"""The doctor tells of a marketplace module that books sales a second time."""

from collections.abc import Mapping

import pytest

from holding.company.diagnosis import Topic, diagnose
from holding.db.database import Database
from holding.db.models import Company
from tests.support.factories import make_connection
from tests.support.postings import NOW


@pytest.mark.parametrize(
    ("market", "module", "told"),
    [
        ({"e_invoice_issuer": "us"}, "on", True),
        ({"e_invoice_issuer": "us"}, "", True),
        ({"e_invoice_issuer": "us"}, "off", False),
        ({"deliveries": "off"}, "on", False),
    ],
)
def test_the_doctor_names_a_module_beside_a_marketplace(
    database: Database, company: Company, market: Mapping[str, str], module: str, told: bool
) -> None:
    with database.write() as session:
        make_connection(session, company, "lazada", side="source", settings=market)
        books = {"marketplace_module": module}
        row = make_connection(session, company, "autocount", side="target", settings=books).id
    with database.read() as session:
        found = {one.topic: one for one in diagnose(session, row, NOW)}
    assert (Topic.DUPLICATES in found) is told
    if told:
        assert "lazada" in found[Topic.DUPLICATES].words
        assert found[Topic.DUPLICATES].todo
