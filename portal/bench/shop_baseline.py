"""What the bench compares a shop with: evaluating alone, and writing alone.

Here: orders of no trouble, storing them, and both rates over the newest of them. Not here: the shop
that works through its queue (shop_bench.py).
"""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from holding.store.database import Database
    from sandbox.demo.command import Shop
    from sandbox.demo.shop import Order

BATCH = 500
SEED = 7


def receive(shop: "Shop", given: Sequence["Order"]) -> None:
    """Store the orders, due and not rung for."""
    from connectors import registry
    from connectors.contract import Accepted
    from holding.intake import versions
    from portal.terminal.command_frame import granted
    from sandbox.demo import setup
    from sandbox.demo.generator import Delivery, body_of
    from sandbox.demo.shop import ZONE

    zone = ZoneInfo(ZONE)
    for start in range(0, len(given), BATCH):
        part = tuple(given[start : start + BATCH])
        raw = body_of(Delivery(f"bench_{part[0].id}", "orders.collected", part))
        accepted = registry.sources()[setup.SOURCE].read("bench.json", raw, zone)
        if not isinstance(accepted, Accepted):
            raise TypeError(accepted)
        with shop.place.database.write() as session:
            receipt = versions.receive(
                session,
                company_id=shop.company_id,
                source_id=setup.connection(session, shop.company_id, setup.SOURCE).id,
                delivery_key=accepted.delivery_id,
                kind="file",
                headers={},
                raw=raw,
                records=accepted.records,
                now=shop.place.now,
            )
            granted(receipt)


def orders(shop: "Shop", count: int, first_id: int) -> "tuple[Order, ...]":
    """So many clean orders of yesterday, numbered from this one on; other numbers, other orders."""
    from sandbox.demo.generator import MALAYSIA, plain

    return plain(
        shop.place.now.astimezone(MALAYSIA).date(), count, seed=SEED + first_id, first_id=first_id
    )


def bare(shop: "Shop", records: int) -> float:
    """The newest judgings once more: decode, evaluate with trace, hash; nothing is read or kept."""
    from holding.approvals.consent import posting_hash
    from holding.programs import world as programs_world
    from holding.tables import Company, Evaluation, Version
    from rules.facts.world import Facts, Subject
    from rules.values.canonical import dumps

    with shop.place.database.read() as session:
        company = session.get_one(Company, shop.company_id)
        program = programs_world.program(session, company.ruleset_version_id or 0)
        fresh = programs_world.fresh_targets(session, company.id, shop.place.now)
        world = programs_world.world(session, company.id, company.revision, fresh)
        rows = session.query(Evaluation, Version).filter(Version.id == Evaluation.version_id)
        given = [
            (dumps(version.body), Facts.from_json(seen.facts["facts"]), seen.at, version.no)
            for seen, version in rows.order_by(Evaluation.id.desc()).limit(records)
            if seen.facts is not None
        ]
    started = time.perf_counter()
    for body, facts, at, number in given:
        subject = Subject("order", "netshop", json.loads(body), number)
        for decision in program.evaluate(subject, facts, world, at).decisions:
            if decision.document is not None:
                posting_hash(1, "CMP-1042", decision.document, "create")
    return len(given) / (time.perf_counter() - started)


def written(shop: "Shop", records: int) -> float:
    """Records claimed and stored a second, where what they came to is known already."""
    from holding.evaluation.due_records import planned
    from holding.evaluation.finish import finish
    from holding.evaluation.gather import gather
    from holding.evaluation.record_claims import claim
    from holding.programs import world as programs_world

    receive(shop, orders(shop, records, 4_000_001))
    database: Database = shop.place.database
    now, stored, spent = shop.place.now, 0, 0.0
    while True:
        started = time.perf_counter()
        due = {"company_id": shop.company_id, "now": now, "limit": BATCH, "lease_seconds": 60}
        claims = claim(database, owner="bench", **due)  # type: ignore[arg-type]
        spent += time.perf_counter() - started
        if not claims:
            return stored / spent
        with database.read(many=True) as session:
            batch = gather(session, shop.company_id, claims, now, programs_world.program)
        plans = planned(batch, now)
        started = time.perf_counter()
        with database.write(many=True) as session:
            stored += finish(session, batch, plans, owner="bench", now=now)
        spent += time.perf_counter() - started
