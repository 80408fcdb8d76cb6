"""A person's test of a target tries what the rules post there, out of the calls that are left."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from connectors.contract import ConnectionReport, Step
from connectors.contract.calls import NOT_RUN
from holding.access.actors import SYSTEM, Actor
from holding.connections import breaker, channel
from holding.db.models import Connection
from holding.intake import deliveries
from tests.holding.desks import KEYS
from tests.holding.life import Life
from tests.holding.posting.test_autocount_life import life, rules, running
from tests.support.factories import add_target

__all__ = ["life", "running"]  # fixtures
RECEIPT = """
post order to autocount.ar_payment as "RC-{number}"
    immediately
    after    autocount.invoice
    we own   the rest  else review by accounts
    DocNo          = document_number
    DocDate        = ordered_on
    DebtorCode     = debtor(customer)
    PaymentMethod  = "BANK"
    PaymentAmt     = total

"""
READ = ["invoice", "creditNote"]


def row(life: Life) -> tuple[int, int]:
    """The connection to AutoCount, and its company."""
    with life.shop.database.read() as session:
        found = session.scalars(select(Connection).where(Connection.connector == "autocount")).one()
        return found.id, found.company_id


def calls(life: Life, act: Callable[[], object]) -> list[str]:
    """The paths that were called meanwhile."""
    before = len(life.books.ledger())  # type: ignore[attr-defined]
    act()
    return [str(one["path"]) for one in life.books.ledger()[before:]]  # type: ignore[attr-defined]


def by_person(life: Life) -> ConnectionReport:
    connection, company = row(life)
    admin = Actor(None, "Tan", "tan@example.test", company, frozenset({"admin"}))
    report = deliveries.test_either_side(
        life.shop.database, life.shop.clock, connection, admin, http=life.desk.http, keys=KEYS
    )
    assert isinstance(report, ConnectionReport)
    return report


def tokens(life: Life, given: int | None = None) -> int:
    """What is left of the minute; or so much from now on."""
    with life.shop.database.write() as session:
        found = breaker.locked(session, row(life)[0])
        if given is not None:
            found.tokens, found.filled_at = given, life.shop.clock.now()
        return found.tokens


@pytest.fixture
def paying(life: Life) -> Life:
    """Invoices, credit notes and receipts are posted."""
    files = rules()
    text = files["shop.rules"].replace("on edit of order", RECEIPT + "on edit of order", 1)
    life.shop.publish(files | {"shop.rules": text})
    return life


def test_each_type_that_the_rules_post_is_tried_and_its_call_is_spent(paying: Life) -> None:
    tokens(paying, 7)
    told: list[ConnectionReport] = []
    assert calls(paying, lambda: told.append(by_person(paying))) == [*READ, "receipt"]
    assert "invoices, credit notes and receipts; whether" in told[0].steps[4].words
    assert tokens(paying) == 6


def test_what_comes_every_quarter_of_an_hour_tries_no_more(paying: Life) -> None:
    tokens(paying, 7)

    def periodic() -> None:
        database, clock = paying.shop.database, paying.shop.clock
        http = paying.desk.http
        channel.test_connection(database, clock, row(paying)[0], SYSTEM, http=http, keys=KEYS)

    assert calls(paying, periodic) == READ
    assert tokens(paying) == 7


def test_what_only_a_whole_test_finds_stands_until_a_person_tests_again(paying: Life) -> None:
    good = Step("Permission", ok=True, words="It may read.")
    lacking = Step.failed("Permission", "It may not read receipts.", "Tick them.", "key.types")
    refused = Step.failed("Permission", "It may not read invoices.", "Tick them.", "key.permission")
    away = Step("Permission", None, "Not run.", code=NOT_RUN)
    shown = []
    for step, asked in (
        (lacking, True), (good, False), (away, False), (good, False), (refused, False),
        (good, False), (lacking, True), (good, True), (good, False),
    ):  # fmt: skip
        report = ConnectionReport(steps=(step,), snapshot=None)
        with paying.shop.database.write() as session:
            connection = session.get_one(Connection, row(paying)[0])
            channel.keep_report(session, connection, report, paying.shop.now, requested=asked)
            shown.append(connection.test_steps[0]["code"])
    types = ["key.types"]
    assert shown == [*types * 4, "key.permission", "", *types, "", ""]


@pytest.mark.parametrize("asked_to_wait", [False, True])
def test_calls_that_documents_need_are_left_to_them(paying: Life, asked_to_wait: bool) -> None:
    tokens(paying, 5 if asked_to_wait else 0)
    if asked_to_wait:
        paying.shop.clock.advance(-30)
    told: list[ConnectionReport] = []
    assert calls(paying, lambda: told.append(by_person(paying))) == READ
    step = told[0].steps[-1]
    assert (step.name, step.ok, step.code) == ("Each document type", None, "not_run")
    assert step.words == "Not tried: the calls of this minute are needed for documents."
    assert told[0].ok
    assert tokens(paying) == (5 if asked_to_wait else 0)
    paying.shop.clock.advance(60)
    assert calls(paying, lambda: by_person(paying)) == [*READ, "receipt"]


def test_without_rules_the_usual_test_is_made(paying: Life) -> None:
    with paying.shop.database.write() as session:
        company = paying.shop.company
        session.merge(company).ruleset_version_id = None
    assert calls(paying, lambda: by_person(paying)) == READ


def test_who_may_not_test_spends_nothing(paying: Life) -> None:
    connection, company = row(paying)
    tokens(paying, 7)
    viewer = Actor(None, "Lim", "lim@example.test", company, frozenset({"viewer"}))
    refused = deliveries.test_either_side(
        paying.shop.database, paying.shop.clock, connection, viewer, http=paying.desk.http
    )
    assert not isinstance(refused, ConnectionReport)
    assert tokens(paying) == 7


def test_what_goes_to_another_target_is_not_tried(
    paying: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    with paying.shop.database.write() as session:
        add_target(session, paying.shop.company, "quickbooks", {}, paying.shop.now)
    routes = [("autocount", "invoice"), ("autocount", "knock_off"), ("quickbooks", "ar_payment")]
    posts = [SimpleNamespace(route=SimpleNamespace(target=t, document=d)) for t, d in routes]
    told = SimpleNamespace(ruleset=SimpleNamespace(posts=posts))
    monkeypatch.setattr(deliveries, "program", lambda *_: told)
    tokens(paying, 7)
    assert calls(paying, lambda: by_person(paying)) == [*READ, "knockOffEntry"]
