"""What PostgreSQL does for a batch when it knows nothing of the tables: just after many records
came, before it has counted them, or where nobody lets it count.

Here: how many pairs of rows it compares. Not here: what SQLite does (test_query_cost.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from holding.db.database import Database
from holding.evaluation.batch import claim
from holding.evaluation.load_facts import load_batch
from tests.support.shop import Shop, order

MANY, BATCH = 1500, 300


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
def test_no_statement_of_a_batch_compares_all_with_all(shop: Shop) -> None:
    shop.arrive(*(order(str(i), "A", customer=f"C-{i}") for i in range(MANY)))
    claims = claim(
        shop.database,
        company_id=shop.company.id,
        owner="one",
        now=shop.clock.now(),
        limit=BATCH,
        lease_seconds=60,
    )
    with plans(shop.database) as seen, shop.database.read(many=True) as session:
        batch = load_batch(session, shop.company.id, claims, shop.clock.now(), shop.programs)
    assert len(batch.cases) == BATCH
    assert any("link_key" in statement for statement in seen)
    compared = {statement: vain(plan) for statement, plan in seen.items()}
    assert {words: pairs for words, pairs in compared.items() if pairs > MANY + BATCH} == {}


@contextmanager
def plans(database: Database) -> Iterator[dict[str, Any]]:
    """How each SELECT was done, by its words."""
    seen: dict[str, Any] = {}

    def explain(_c: object, cursor: Any, statement: str, given: Any, *_rest: object) -> None:
        if statement.startswith("SELECT") and "set_config" not in statement:
            asked = cursor.connection.execute(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given
            ).fetchone()
            seen[statement] = asked[0][0]["Plan"]

    event.listen(database.engine, "before_cursor_execute", explain)
    yield seen
    event.remove(database.engine, "before_cursor_execute", explain)


def vain(plan: Any) -> int:
    """How many pairs of rows were compared in vain."""
    mine = plan.get("Rows Removed by Join Filter", 0) * plan["Actual Loops"]
    return int(mine) + sum(vain(part) for part in plan.get("Plans", ()))
