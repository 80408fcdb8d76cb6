"""Duties kept apart by the database itself, whoever writes to it."""

from collections.abc import Callable

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import Approval, Company, Dating, Release, RulesetVersion, Version
from holding.holds import releases
from holding.mappings import fixes
from tests.holding.shop import ROUTE, Shop, line, open_shop, order, start
from tests.support.clock import SetClock


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 is above the limit, does not add up, and has a customer that nobody mapped."""
    shop = open_shop(database, company, clock)
    shop.publish()
    lines = [line(price="960.00")]
    shop.receive(order("NS-1", customer="C-99", total="2000.00", lines=lines))
    shop.judge()
    return shop


def release(shop: Shop, session: Session) -> None:
    """Lim lets the wrong sum pass."""
    [left] = [hold for hold in shop.holds(session, "NS-1") if hold.rule == "adds_up"]
    releases.release(session, shop.actor("lim"), left.id, "agreed", shop.now)


def fix(shop: Shop, session: Session) -> None:
    """Farah maps the customer."""
    fixes.fix(session, shop.actor("farah"), "debtor", "C-99", "Chong", "new", shop.now, 9)


def correct(shop: Shop, session: Session) -> None:
    """Tan writes another content."""
    found = session.get_one(Version, shop.record(session, "NS-1").version_id)
    session.add(
        Version(
            record_id=found.record_id,
            no=found.no + 1,
            sha256="c" * 64,
            body=found.body,
            corrects_id=found.id,
            person_id=shop.actor("tan").person_id,
            reason="typing error",
            at=shop.now,
        )
    )


def enter(shop: Shop, session: Session) -> None:
    """Farah entered a version from a file."""
    found = session.get_one(Version, shop.record(session, "NS-1").version_id)
    session.add(
        Version(
            record_id=found.record_id,
            no=found.no + 1,
            sha256="e" * 64,
            body=found.body,
            person_id=shop.actor("farah").person_id,
            at=shop.now,
        )
    )


def agree(shop: Shop, session: Session) -> None:
    """Tan agreed to it at another level."""
    consent_in(session, shop, "tan", level="director")


def consent(shop: Shop, who: str, *, lender: str = "") -> None:
    """An approval written past the service."""
    with shop.database.write() as session:
        consent_in(session, shop, who, lender=lender)


def consent_in(
    session: Session, shop: Shop, who: str, *, lender: str = "", level: str = "above_limit"
) -> None:
    posting = shop.posting(session, "NS-1")
    session.add(
        Approval(
            posting_id=posting.id,
            hash=posting.hash,
            content={},
            level=level,
            person_id=shop.actor(who).person_id,
            for_person_id=shop.actor(lender).person_id if lender else None,
            reason="mine",
            at=shop.now,
        )
    )


def let_pass(shop: Shop, who: str, *, lender: str = "", kind: str = "release") -> None:
    """A release written past the service."""
    with shop.database.write() as session:
        [left] = [hold for hold in shop.holds(session, "NS-1") if hold.rule == "adds_up"]
        session.add(
            Release(
                record_id=left.record_id,
                route=left.route,
                seq=left.seq,
                code=left.code,
                cause_id=left.cause_id,
                content_sha256=f"{who} for {lender}: {kind}",
                rule=left.rule,
                kind=kind,
                person_id=shop.actor(who).person_id,
                for_person_id=shop.actor(lender).person_id if lender else None,
                reason="mine",
                at=shop.now,
            )
        )


def date(shop: Shop, session: Session) -> None:
    """Tan gave its document another day."""
    day = shop.now.date()
    session.add(
        Dating(
            record_id=shop.record(session, "NS-1").id,
            route=ROUTE,
            instead_of=day,
            day=day,
            person_id=shop.actor("tan").person_id or 0,
            reason="the month is closed",
            at=shop.now,
        )
    )


Deed = Callable[[Shop, Session], None]
DEEDS: dict[str, tuple[Deed | None, str]] = {
    "mapped": (fix, "farah"),
    "corrected": (correct, "tan"),
    "entered": (enter, "farah"),
    "dated": (date, "tan"),
    "agreed": (agree, "tan"),
    "wrote rules": (None, "chan"),
    "published rules": (None, "pua"),
}


def do(shop: Shop, deed: Deed | None) -> None:
    if deed:
        with shop.database.write() as session:
            deed(shop, session)
        shop.judge()


@pytest.mark.parametrize(("deed", "who"), [*DEEDS.values(), (release, "lim")])
def test_nobody_approves_what_they_had_a_hand_in(shop: Shop, deed: Deed | None, who: str) -> None:
    do(shop, deed)
    with pytest.raises(DatabaseError, match="duties kept apart"):
        consent(shop, who)
    with pytest.raises(DatabaseError, match="duties kept apart"):
        consent(shop, "vera", lender=who)
    with pytest.raises(DatabaseError, match="duties kept apart"):
        consent(shop, who, lender="vera")
    consent(shop, "vera", lender="adam")


@pytest.mark.parametrize(("deed", "who"), DEEDS.values(), ids=DEEDS)
def test_nobody_lets_pass_what_they_had_a_hand_in(shop: Shop, deed: Deed | None, who: str) -> None:
    do(shop, deed)
    for kind in ("release", "reject"):
        for one, lender in ((who, ""), ("vera", who)):
            with pytest.raises(DatabaseError, match="duties kept apart"):
                let_pass(shop, one, lender=lender, kind=kind)
        let_pass(shop, "vera", lender="adam", kind=kind)
    let_pass(shop, who, kind="note")


def test_nobody_publishes_rules_of_their_own(shop: Shop) -> None:
    chan = shop.actor("chan").person_id

    def version(no: int, publisher: int | None) -> RulesetVersion:
        return RulesetVersion(
            company_id=shop.company.id,
            no=no,
            hash=f"{no}",
            revision=no,
            author_id=chan,
            published_by_id=publisher,
            published_at=shop.now,
            engine="test",
        )

    with pytest.raises(DatabaseError, match="duties"), shop.database.write() as session:
        session.add(version(2, chan))
    with shop.database.write() as session:
        session.add(version(2, shop.actor("pua").person_id))
        session.add(version(3, None))


def test_an_author_cannot_become_the_publisher_later(shop: Shop) -> None:
    with pytest.raises(DatabaseError, match="append-only"), shop.database.write() as session:
        session.execute(update(RulesetVersion).values(published_by_id=shop.actor("chan").person_id))
