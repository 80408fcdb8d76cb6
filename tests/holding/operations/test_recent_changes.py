"""What changed before a failure: every act that changes how records are decided or sent."""

from datetime import timedelta

from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Record
from holding.operations.escalation_packets import ACTS, changes_before
from holding.rulesets.start_time import go_back
from tests.holding.rulesets.test_start_time import commented
from tests.holding.shop import open_shop, order
from tests.support.acts import acts
from tests.support.clock import SetClock

FAMILIES = (
    *("mapping", "party", "rules", "route", "stop", "schedule", "connection", "list"),
    *("person", "team", "deputy", "company", "program"),
)
CHANGE_NOTHING = {
    "mapping.accepted": "each of its entries is an event of its own",
    "mapping.uploaded": "each of its entries is an event of its own",
    "rules.backtested": "a trial",
    "rules.commented": "a change that waits",
    "rules.pushed": "a change that waits",
    "rules.returned": "a change that waits",
    "rules.start_": "publishing is an event of its own, when its time has come",
    "connection.": "an answer of the target after it was disconnected",
    "connection.not_authorized": "nothing came of it",
    "connection.key_failed": "nothing came of it",
    "connection.stays_paused": "it stays as it was",
    "connection.rate": "one rate of a day, as the target told it",
    "connection.read_asked": "a look",
    "connection.tested": "a look; what it found is an event of its own",
    "list.downloaded": "a list of a page",
    "list.told": "the target tells its codes every day",
    "person.duties_meet": "a warning beside the act that is told",
    "person.factor_codes": "their own sign-in",
    "person.factor_ended": "their own sign-in",
    "person.factor_failures": "their own sign-in",
    "person.factor_off": "their own sign-in",
    "person.factor_on": "their own sign-in",
    "person.factor_recovered": "their own sign-in",
    "person.password": "their own sign-in",
    "person.password_changed": "their own sign-in",
    "person.renamed": "their name",
    "person.session_ended": "their own sign-in",
    "person.signed_in": "their own sign-in",
    "person.signed_out": "their own sign-in",
    "person.signin_refused": "their own sign-in",
    "person.locked_out": "their own sign-in",
    "person.identity_tied": "their own sign-in",
    "person.identity_untied": "their own sign-in",
    "person.access_refused": "nothing was done",
    "company.added": "no record was there before",
    "company.copied": "people and notices of a new company",
    "company.second_factor": "how people sign in",
    "company.step_up_set": "how people prove who approves",
    "company.renamed": "its name",
    "company.set_up": "no record was there before",
    "company.dry_run": "a trial",
}


def test_every_act_is_told_or_changes_nothing() -> None:
    known = {act for act in acts() if act.partition(".")[0] in FAMILIES}
    assert known - set(ACTS) == set(CHANGE_NOTHING)
    assert {act for act in ACTS if act.partition(".")[0] in FAMILIES} <= known


def test_going_back_to_earlier_rules_stands_before_a_failure(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.publish(commented())
    clock.advance(600)
    with database.write() as session:
        go_back(session, 1, shop.actor("pua"), clock.now(), from_no=2, reason="It held too much")
    failed_at = clock.now() + timedelta(minutes=20)
    with database.read() as session:
        newest, *_ = changes_before(session, company.id, 0, failed_at)
    assert "went back from rule version 2 to rule version 1" in newest.say
    assert newest.before == timedelta(minutes=20)


def test_a_version_that_nobody_made_is_of_its_source(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-1"))
    shop.receive(order("NS-1", total="1.00", updated_at="2026-11-19T00:00:00Z"))
    with database.read() as session:
        record = session.scalars(select(Record.id)).one()
        newest, *_ = changes_before(session, company.id, record, clock.now())
    assert (newest.key, newest.by) == ("version-2", "NetShop")
