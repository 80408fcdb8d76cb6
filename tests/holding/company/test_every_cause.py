"""The doctor names every cause of a topic, the worst first, and each step names what to do."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.company import diagnosis
from holding.company.diagnosis import MOST, Diagnosis, Topic, diagnose
from holding.db.database import Database
from holding.db.models import (
    Cause,
    Company,
    ConnectionKey,
    Hold,
    MappingEntry,
    MappingTable,
    PostingUse,
    Team,
    Throttle,
)
from holding.db.models.rules import ALWAYS
from holding.posting.holds import CONFLICT
from holding.rulesets import admission
from holding.trials import findings
from rules.values.cause_keys import CauseKey, CauseKind
from tests.holding.company.test_causes_of_topics import (
    DISABLED,
    key,
    sent,
    settings,
    tested,
    told,
)
from tests.holding.pushing import Lane
from tests.support.factories import connection_named
from tests.support.postings import NOW, invoice, make_push, make_ready

OPEN_GROUP = "Open its group under On hold"


@pytest.fixture
def of_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hold is of a route to aiaccount, without rules in force."""
    monkeypatch.setattr(findings, "owner_of", lambda *_: lambda _: "aiaccount")


def of_topic(
    database: Database, company: Company, topic: Topic, now: datetime = NOW
) -> list[Diagnosis]:
    with database.read() as session:
        there = connection_named(session, company, "aiaccount")
        return [one for one in diagnose(session, there.id, now) if one.topic == topic]


def hold(
    session: Session, company: Company, number: str, *, code: str, kind: CauseKind, of: str,
    label: str, error_class: ErrorClass = "business_rule", table: str | None = None,
    message: str = "",
) -> Hold:  # fmt: skip
    """An open hold on a new document of the target, under this cause."""
    posting = make_ready(session, company, number, state="held")
    cause_key = CauseKey(kind, of)
    cause = session.scalars(
        select(Cause).where(Cause.company_id == company.id, Cause.key == cause_key)
    ).one_or_none()
    if cause is None:
        cause = Cause(company_id=company.id, key=cause_key, label=label, table_name=table,
                      error_class=error_class, opened_at=NOW, records=0)  # fmt: skip
        session.add(cause)
    cause.records += 1
    session.flush()
    team = session.scalars(select(Team.id).where(Team.company_id == company.id)).first()
    made = Hold(
        company_id=company.id, record_id=posting.record_id, posting_id=posting.id,
        route=posting.route, seq=1, code=code, cause_id=cause.id, error_class=error_class,
        severity="error", message=message or label, revision=1, team_id=team,
        answer_by=NOW, opened_at=NOW,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def test_each_duplicate_number_is_a_cause_of_its_own(database: Database, company: Company) -> None:
    with database.write() as session:
        for number in ("IV-1", "IV-2"):
            hold(
                session, company, number, code=CONFLICT, kind=CauseKind.DUPLICATE, of=number,
                label=f"Document number {number} already exists in aiaccount",
                error_class="duplicate", message=f"{number} is already there.",
            )  # fmt: skip
    found = of_topic(database, company, Topic.DUPLICATES)
    assert [one.words for one in found] == ["IV-1 is already there.", "IV-2 is already there."]
    for one in found:
        assert one.todo.startswith(OPEN_GROUP)
        assert "link" in one.todo


def test_many_causes_of_one_kind_are_counted(database: Database, company: Company) -> None:
    with database.write() as session:
        for no in range(MOST + 3):
            hold(
                session, company, f"IV-{no:02}", code=CONFLICT, kind=CauseKind.DUPLICATE,
                of=f"IV-{no:02}", label="taken", error_class="duplicate",
                message=f"IV-{no:02} is already there.",
            )  # fmt: skip
    found = of_topic(database, company, Topic.DUPLICATES)
    assert len(found) == MOST + 1
    assert found[-1].words.startswith("3 more")
    assert found[-1].records == 3


def test_every_reason_of_an_e_invoice_is_told_the_most_documents_first(lane: Lane) -> None:
    tested(lane)
    settings(company_id="CMP-2001")(lane)
    for number in ("IV-1", "IV-2"):
        lane.ready(number, document=invoice(number))
    lane.ready("IV-3", document=replaced("IV-3"))
    lane.work()
    found = [one for one in told(lane) if one.topic == Topic.E_INVOICE]
    assert ["No classification code" in one.words for one in found] == [True, False]
    assert "TIN C25" in found[1].words
    assert [one.records for one in found] == [2, 1]
    assert "classification code" in found[0].todo
    assert "TIN" in found[1].todo
    assert found[0].todo != found[1].todo


def replaced(number: str) -> Any:
    made = invoice(number)
    lines = tuple({**line, "ClassificationCode": "022"} for line in made.lines)
    return replace(made, lines=lines, fields={**made.fields, "CustomerTIN": "C25"})


def article(session: Session, company: Company, sku: str, records: int) -> None:
    session.add(
        Cause(company_id=company.id, key=CauseKey(CauseKind.MAPPING, f"sku_to_item:{sku}"),
              label=f"SKU {sku} is not an item.", table_name="sku_to_item", value=sku,
              error_class="mapping_missing", opened_at=NOW, records=records)
    )  # fmt: skip


def test_every_sku_that_matches_no_item_is_told(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Named:
        kind, target, tables = "item", "aiaccount", ("sku_to_item",)

    monkeypatch.setattr(diagnosis, "references", lambda *_: [Named])
    monkeypatch.setattr(diagnosis, "program", lambda *_: _Program)
    with database.write() as session:
        make_ready(session, company, "IV-1", state="posted")
        session.get_one(Company, company.id).ruleset_version_id = 1
        article(session, company, "TEA-1", 2)
        article(session, company, "tea-2", 5)
    with database.read() as session:
        there = connection_named(session, company, "aiaccount")
        found = list(diagnosis._articles(session, there, NOW))
    assert [one.words for one in found] == [
        "SKU tea-2 is not an item. 5 records wait.",
        "SKU TEA-1 is not an item. 2 records wait.",
    ]


class _Program:
    ruleset = None


def mapped(
    session: Session, company: Company, *entries: tuple[str, str, date, int, int | None]
) -> list[int]:
    """Entries of a mapping table: key, value, first day, first and last revision; their ids."""
    table = MappingTable(company_id=company.id, name="account", kind="map")
    session.add(table)
    session.flush()
    rows = [
        MappingEntry(table_id=table.id, key=key_, value=value, valid_from=day, from_revision=first,
                     to_revision=last, reason="", at=NOW)
        for key_, value, day, first, last in entries
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def posted_with(session: Session, company: Company, number: str, entry: int, day: date) -> None:
    document = invoice(number, day=day)
    posting = make_ready(session, company, number, state="posted", document=document, due=None)
    session.add(PostingUse(entry_id=entry, posting_id=posting.id))


JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


@pytest.mark.parametrize(
    ("day", "shown"), [(date(2026, 6, 30), 0), (JULY, 1), (date(2026, 7, 2), 1)]
)
def test_a_dated_mapping_change_counts_for_documents_of_its_days(
    database: Database, company: Company, day: date, shown: int
) -> None:
    """The entry that they were made with is in force still, for earlier days."""
    with database.write() as session:
        used, _ = mapped(
            session, company, ("sales", "40000", ALWAYS, 1, None), ("sales", "41000", JULY, 2, None)
        )
        posted_with(session, company, "IV-1", used, day)
    found = of_topic(database, company, Topic.ACCOUNT)
    assert len(found) == shown
    for one in found:
        assert "“sales” is 41000" in one.words
        assert "2026-07-01" in one.words
        assert one.records == 1


def test_a_later_day_that_gives_the_old_value_again_says_nothing(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        used, *_ = mapped(
            session, company,
            ("sales", "40000", ALWAYS, 1, None), ("sales", "41000", JUNE, 2, None),
            ("sales", "40000", JULY, 3, None),
        )  # fmt: skip
        posted_with(session, company, "IV-1", used, date(2026, 7, 9))
    assert of_topic(database, company, Topic.ACCOUNT) == []


def test_every_value_that_changed_since_is_told_the_most_documents_first(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        one, _, two, _ = mapped(
            session, company,
            ("sales", "40000", ALWAYS, 1, 2), ("sales", "41000", ALWAYS, 2, None),
            ("fees", "61001", ALWAYS, 1, 3), ("fees", "61002", ALWAYS, 3, None),
        )  # fmt: skip
        posted_with(session, company, "IV-1", one, JULY)
        for number in ("IV-2", "IV-3"):
            posted_with(session, company, number, two, JULY)
    found = of_topic(database, company, Topic.ACCOUNT)
    assert [("fees" in each.words, each.records) for each in found] == [(True, 2), (False, 1)]


def test_each_replaced_key_that_is_kept_is_told(database: Database, company: Company) -> None:
    with database.write() as session:
        there = connection_named(session, company, "aiaccount")
        for no, tail in ((1, "1111"), (2, "2222")):
            session.add(
                ConnectionKey(connection_id=there.id, no=no, tail=tail, secret="", made_at=NOW,
                              state="old", keep_until=NOW + timedelta(days=no))
            )  # fmt: skip
    found = of_topic(database, company, Topic.ROTATION)
    assert [tail in one.words for tail, one in zip(("2222", "1111"), found, strict=True)] == [
        True,
        True,
    ]


def test_documents_without_confirmation_are_counted_by_what_was_answered(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        for number, error in (("IV-1", "It works on it."), ("IV-2", "It works on it."),
                              ("IV-3", "The line was cut.")):  # fmt: skip
            posting = make_ready(session, company, number, state="uncertain", due=None)
            session.add(
                make_push(posting, state="uncertain", at=NOW - timedelta(minutes=20), error=error)
            )
    found = of_topic(database, company, Topic.DELAYED)
    assert [one.records for one in found] == [2, 1]
    assert "IV-1" in found[0].words
    assert "IV-3" in found[1].words


def test_one_cause_that_two_looks_show_is_told_once(database: Database, company: Company) -> None:
    """A quota that the test saw used up, and what waits for it."""
    with database.write() as session:
        there = connection_named(session, company, "aiaccount")
        make_ready(session, company, "IV-1")
        there.test_steps = [
            {"name": "Quota", "ok": False, "words": "0 of 100 left.", "hint": "Take a larger plan.",
             "code": "quota"}
        ]  # fmt: skip
        session.add(Throttle(connection_id=there.id, quota_limit=100, quota_used=100,
                             quota_month="2026-11"))  # fmt: skip
    assert [one.words for one in of_topic(database, company, Topic.DELAYED)] == [
        "Quota: 0 of 100 left. 1 record."
    ]


def test_each_failed_step_of_the_test_is_told_and_none_that_only_says_it_failed(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        there = connection_named(session, company, "aiaccount")
        there.untested_since = NOW
        there.test_steps = [
            {"name": name, "ok": False, "words": name, "hint": name, "code": code}
            for name, code in (("Permissions", "key.permission"), ("Fields", "fields"))
        ]
    found = of_topic(database, company, Topic.TEST)
    assert [one.words for one in found] == [
        "It has no key.",
        "Permissions: Permissions",
        "Fields: Fields",
    ]


def test_what_stops_everything_comes_before_what_stops_some(
    database: Database, company: Company, of_target: None
) -> None:
    with database.write() as session:
        hold(session, company, "IV-1", code="RND01", kind=CauseKind.RULE, of="amount.rounding",
             label="Rounding difference")  # fmt: skip
        there = connection_named(session, company, "aiaccount")
        there.test_steps = [
            {"name": "Rounding", "ok": False, "words": "It rounds otherwise.", "hint": "Set it.",
             "code": "rounding"}
        ]  # fmt: skip
    found = of_topic(database, company, Topic.ONE_SEN)
    assert ["It rounds otherwise." in one.words for one in found] == [True, False]
    assert found[1].todo != OPEN_GROUP + "."


@pytest.mark.parametrize(
    ("code", "topic", "act"),
    [
        ("RND01", Topic.ONE_SEN, "tolerance"),
        ("RND03", Topic.ONE_SEN, "set it back"),
        ("RND06", Topic.ONE_SEN, "tax code"),
        ("DUP01", Topic.DUPLICATES, "reject the copy"),
        ("IDN01", Topic.DUPLICATES, "reject"),
        ("PSH03", Topic.DUPLICATES, "renumber"),
        ("PSH06", Topic.DUPLICATES, "reject"),
        ("VAL02", Topic.E_INVOICE, "classification"),
    ],
)
def test_a_step_names_the_action(
    database: Database, company: Company, of_target: None, code: str, topic: Topic, act: str
) -> None:
    with database.write() as session:
        hold(session, company, "IV-1", code=code, kind=CauseKind.RULE, of=f"of.{code}", label="It")
    [found] = of_topic(database, company, topic)
    assert act in found.todo
    assert OPEN_GROUP in found.todo


def test_a_disabled_key_is_enabled_or_replaced(lane: Lane) -> None:
    tested(lane)
    key(DISABLED)(lane)
    sent()(lane)
    refused = [one.todo for one in told(lane) if one.topic == Topic.TEST]
    assert refused
    assert all("Enable it" in todo for todo in refused)
    assert all("create another" in todo for todo in refused)


def test_a_rounding_mode_that_differs_names_both_ways_out(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = admission.Disagreement("aiaccount", "sum then round", "per line", "", None, 3)
    monkeypatch.setattr(admission, "find_disagreement", lambda *_: wrong)
    [found] = of_topic(database, company, Topic.ONE_SEN)
    assert "test the connection" in found.todo
    assert "publish rules" in found.todo
    assert found.records == 3


def test_a_hold_of_the_rules_is_told_once(
    database: Database, company: Company, of_target: None
) -> None:
    """Its class is one that a target may refuse with, too."""
    with database.write() as session:
        hold(
            session, company, "IV-1", code="DUP01", kind=CauseKind.RULE, of="twice",
            label="Possible duplicate", error_class="duplicate", message="The same: IV-0.",
        )  # fmt: skip
    [found] = of_topic(database, company, Topic.DUPLICATES)
    assert found.words == "Possible duplicate. 1 record."
