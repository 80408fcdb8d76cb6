"""A file has as many documents as its rows allow, in the order in which they are to go."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.contract import FileLimits
from holding.db.database import Database
from holding.db.models import Company
from holding.runs import dispatch
from tests.holding.connections.test_limits import channel
from tests.support.factories import connection_named
from tests.support.postings import invoice, make_ready

SIZES = (9, 2, 3, 5, 1)


def test_the_rows_that_are_counted_are_those_of_the_documents_that_go(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most urgent go first in a short month, whatever came in first."""
    monkeypatch.setattr(dispatch, "_AT_A_TIME", 2)
    limits = FileLimits(documents=500, rows=10)
    sheet = SimpleNamespace(file_limits=limits, rows_of=lambda one: len(one.lines))
    with database.write() as session:
        key = connection_named(session, company, "aiaccount").id
        target = replace(channel(key, company.id), target=cast(Any, sheet))
        ids = [
            make_ready(session, company, f"NS-{n}", document=invoice(f"NS-{n}", lines=n)).id
            for n in SIZES
        ]

        def goes(wanted: list[int]) -> list[int]:
            found = dispatch.of_one_file(session, target, wanted)
            return [SIZES[ids.index(one)] for one in found]

        assert goes(ids) == [9]
        assert goes(ids[::-1]) == [1, 5, 3]
        assert goes(ids[1:]) == [2, 3, 5]
        assert goes([ids[1], ids[2], ids[4], ids[0]]) == [2, 3, 1]
        assert goes(ids[:1]) == [9]
