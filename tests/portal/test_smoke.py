"""Every page of the seeded shop answers, asks few questions of the database, and hides others."""

import pytest
from sqlalchemy import event

pytestmark = pytest.mark.sqlite

R = "/c/kedai/records/netshop/order/SO-10240"
PAGES = [
    "/c/kedai/",
    "/c/kedai/holding",
    "/c/kedai/holding?view=mine",
    "/c/kedai/holding?view=approve",
    "/c/kedai/holding?view=uncertain",
    "/c/kedai/holding?view=ignored",
    "/c/kedai/holding?view=cleared",
    "/c/kedai/holding?open=1",
    "/c/kedai/holding/1",
    "/c/kedai/mappings/missing",
    "/c/kedai/mappings/item",
    "/c/kedai/runs",
    "/c/kedai/pushes",
    "/c/kedai/connections",
    "/c/kedai/connections/aiaccount",
    "/c/kedai/connections/netshop",
    "/c/kedai/find?q=SO-102",
    "/c/kedai/find",
    R,
    *(f"{R}?tab={tab}" for tab in ("trace", "lineage", "ruletree", "versions", "pushes", "raw")),
]


@pytest.mark.parametrize("url", PAGES)
def test_page(visit, database, url):
    farah = visit("farah")
    seen = []
    event.listen(database.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    assert "Kedai Contoh" in farah.text(url)
    print(url, len(seen))
