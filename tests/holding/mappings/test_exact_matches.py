"""Exact matches: prepared cases, what their preview says and what then happens."""

import tomllib
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.connections.master_data import keep_kinds
from holding.db.database import Database
from holding.db.models import Company, Event, ListFile, MappingEntry
from holding.db.models.columns import ListKind
from holding.db.refusal import Refusal
from holding.mappings import list_files, list_sources
from holding.mappings.exact_matches import Match, Matches, exact_matches
from holding.mappings.fixes import Fixed
from holding.mappings.list_rows import read_list
from holding.mappings.list_sources import Accepted, Seen
from holding.mappings.preview import Effect
from tests.holding.fixing import fix, rev
from tests.holding.shop import Shop, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import connection_named

FILE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "cases.toml").read_text("utf-8"))
CASES: list[dict[str, Any]] = FILE["case"]


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """A company with a list of customers and one order for each case."""
    found = open_shop(database, company, clock)
    found.publish()
    heads = ["Customer name", "TIN", "Registration number", "Active"]
    lines = (",".join(f'"{cell}"' for cell in row) for row in [heads, *FILE["list"]["rows"]])
    raw = "\n".join(lines).encode()
    with database.write() as session:
        kept = list_files.submit_list(
            session,
            found.actor("farah"),
            "aiaccount",
            ListKind.CUSTOMER,
            "customers.csv",
            raw,
            read_list("customers.csv", raw, ListKind.CUSTOMER),
            as_of=date(2026, 11, 18),
            today=found.now.date(),
            now=found.now,
        )
        assert not isinstance(kept, Refusal), kept
    found.receive(*(order(f"NS-{no:02}", **case["order"]) for no, case in enumerate(CASES)))
    found.judge()
    return found


def found(shop: Shop) -> Matches:
    with shop.database.read() as session:
        return exact_matches(session, shop.company.id)


def preview(shop: Shop, matches: tuple[Match, ...]) -> Effect:
    with shop.database.read() as session:
        return list_sources.bulk_preview(session, shop.company.id, matches, shop.now)


def seen(matches: tuple[Match, ...]) -> list[Seen]:
    return [Seen(m.row.cause_id, m.row.key, m.value, m.row.records) for m in matches]


def accept(shop: Shop, shown: list[Seen], ready: int, **how: Any) -> Accepted | Refusal:
    who, reason, at = how.pop("who", "farah"), how.pop("reason", "checked"), rev(shop)
    with shop.database.write() as session:
        return list_sources.accept_matches(
            session, shop.actor(who), shown, ready, reason, shop.now, **{"rev": at, **how}
        )


def entries(shop: Shop) -> int:
    with shop.database.read() as session:
        return len(session.scalars(select(MappingEntry)).all())


def expected(outcome: str) -> dict[str, str]:
    """Number of the order -> why, of the cases with this outcome."""
    return {
        f"NS-{no:02}": case.get("why", "")
        for no, case in enumerate(CASES)
        if case["outcome"] == outcome
    }


def test_the_cases_are_as_many_as_they_say() -> None:
    counts = Counter(case["outcome"] for case in CASES)
    assert counts == FILE["totals"]
    assert len(CASES) >= 20


@pytest.mark.slow
def test_what_the_preview_says_of_the_cases_is_what_then_happens(shop: Shop) -> None:
    matches = found(shop)
    keys = {
        case["order"]["customer"]: case.get("why") for case in CASES if case["outcome"] == "refused"
    }
    left = {one.row.key: one.why for one in matches.left}
    nobodys = left.pop("NOBODYS"), left.pop("BAG|TEA-1", None)
    assert nobodys == ("No list and no value in use has its number, code or name", None)
    assert left == keys
    told = preview(shop, matches.exact)
    totals = FILE["totals"]
    assert (told.ready, told.records) == (totals["ready"], totals["ready"] + totals["stays"])
    assert {stay.reason: stay.records for stay in told.stays} == Counter(expected("stays").values())
    assert told.looked_at == told.records

    done = accept(shop, seen(matches.exact), told.ready)
    assert isinstance(done, Accepted), done
    assert (done.keys, done.woken) == (len(matches.exact), told.records)
    shop.judge()
    states = shop.states()
    assert {number for number, state in states.items() if state == "ready"} == set(
        expected("ready")
    )
    assert {n for n, state in states.items() if state == "held"} == {
        *expected("stays"), *expected("refused"),
    }  # fmt: skip
    after = found(shop)
    assert after.exact == ()
    assert {one.row.key for one in after.left} >= set(keys)


def test_each_match_says_why(shop: Shop) -> None:
    why = {one.row.key: (one.value, one.reasons) for one in found(shop).exact}
    assert why["K-01"] == ("Maju Jaya Trading Sdn Bhd", ("Same TIN", "Same name"))
    assert why["K-02"][1] == ("Same TIN", "Same name apart from Sdn Bhd")
    assert why["K-03"][1] == ("Same registration number", "Same name")
    assert why["K-04"] == ("Warung Melati", ("Same name",))
    assert why["K-22"] == ("K-22", ("Same code",))
    assert why["C78"] == (
        "Boon & Co",
        ("Same name", "Used for C-78, the same but for its spelling"),
    )
    assert why["tea-1"] == ("TEA-1", ("Used for TEA-1, the same but for its spelling",))


def test_acceptance_is_one_change_of_who_may_with_a_reason(shop: Shop) -> None:
    matches = found(shop).exact
    ready, before = preview(shop, matches).ready, entries(shop)
    refused = accept(shop, seen(matches), ready, who="vera")
    assert isinstance(refused, Refusal)
    assert refused.status == 403
    for shown, reason, code in (
        ([], "checked", "mapping.none"),
        (seen(matches), " ", "reason.missing"),
    ):
        refused = accept(shop, shown, ready, reason=reason)
        assert isinstance(refused, Refusal)
        assert refused.code == code
    assert entries(shop) == before
    done = accept(shop, seen(matches), ready, op="f1", reason="checked")
    assert done == accept(shop, seen(matches), ready, op="f1"), "a second click"
    assert entries(shop) == before + len(matches)
    with shop.database.read() as session:
        event = session.scalars(select(Event).where(Event.act == "mapping.accepted")).one()
        assert (
            event.body["say"] == f"Farah accepted {len(matches)} exact matches together (checked)."
        )
        entry = session.scalars(select(MappingEntry).where(MappingEntry.key == "K-01")).one()
        assert entry.reason == "checked (Same TIN, Same name)"


def test_what_changed_since_it_was_shown_is_told_and_nothing_saved(shop: Shop) -> None:
    matches = found(shop).exact
    ready = preview(shop, matches).ready
    shop.receive(order("NS-90", customer="K-01"))
    shop.judge()
    assert isinstance(fix(shop, "debtor", "K-02", "Somebody"), Fixed)
    before = entries(shop)
    refused = accept(shop, seen(matches), ready)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.status) == ("mapping.moved", 409)
    assert "3 records wait for K-01 now, not 2" in refused.message
    assert "K-02 does not match exactly any more (It has, or had, a value" in refused.message
    assert entries(shop) == before
    now = found(shop).exact
    wrong = [replace(one, value="X") if one.key == "K-04" else one for one in seen(now)]
    refused = accept(shop, wrong, preview(shop, now).ready)
    assert isinstance(refused, Refusal)
    assert "K-04 matches Warung Melati now, not X" in refused.message
    refused = accept(shop, seen(now), 99)
    assert isinstance(refused, Refusal)
    assert "records would become ready, not 99" in refused.message
    taken = [Seen(0, "K-05", "Roti Segar", 1)]
    refused = accept(shop, taken, 0)
    assert isinstance(refused, Refusal)
    assert "K-05 has a value now, or nothing waits for it" in refused.message
    assert entries(shop) == before


def test_a_value_that_a_newer_list_contradicts_is_not_accepted(shop: Shop) -> None:
    matches = found(shop).exact
    ready = preview(shop, matches).ready
    raw = b"Customer name,TIN\nMaju Jaya Trading Sdn Bhd,C1230\n"
    rows = read_list("later.csv", raw, ListKind.CUSTOMER)
    with shop.database.write() as session:
        kept = session.scalars(select(ListFile)).one()
        list_files.submit_list(
            session, shop.actor("farah"), "aiaccount", kept.kind, "later.csv", raw, rows,
            as_of=date(2026, 11, 19), today=date(2026, 11, 20), now=shop.now,
        )  # fmt: skip
    refused = accept(shop, seen(matches), ready)
    assert isinstance(refused, Refusal)
    assert "K-01 does not match exactly any more (Same name as" in refused.message
    assert "and " in refused.message


def test_a_key_whose_records_contradict_each_other_or_had_a_value_is_left_out(shop: Shop) -> None:
    shop.receive(order("NS-91", customer="K-01", tin="C29990000030"))
    shop.judge()
    assert isinstance(fix(shop, "debtor", "K-04", "Warung Melati"), Fixed)
    left = {one.row.key: one.why for one in found(shop).left}
    assert left["K-01"] == "Its records give 2 TINs"
    assert left["K-04"] == "It has, or had, a value of its own"


def test_nothing_of_another_company_is_found(shop: Shop) -> None:
    with shop.database.read() as session:
        assert exact_matches(session, shop.company.id + 1) == Matches((), ())


def test_a_code_that_the_target_told_under_the_same_name_matches(shop: Shop) -> None:
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        kinds = {"item": {"NOBODYS": {"unit": "PCS", "rates": {}}}}
        keep_kinds(session, target, kinds, person=None, now=shop.now)
    [match] = [one for one in found(shop).exact if one.row.key == "NOBODYS"]
    assert (match.value, match.reasons) == ("NOBODYS", ("Same code in aiaccount",))
