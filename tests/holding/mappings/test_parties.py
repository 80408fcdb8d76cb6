from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy import func, select, update

from grammar.nodes import Ruleset
from holding.access.people import add_to_team
from holding.db.database import Database
from holding.db.models import Cause, Company, Event, Hold, KeptApart, MappingEntry, Posting
from holding.db.refusal import Refusal
from holding.mappings import party_merge
from holding.mappings.fixes import Fixed
from holding.mappings.party_merge import Apart, owed_by_age
from rules.rulebook.coverage import Agreement, agreements
from tests.holding.fixing import due, fix, rev
from tests.holding.shop import FILES, RULES, Shop, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move

TWICE = RULES.replace(
    "map item",
    "map debtor_of_number\n    match    any case, any punctuation\n"
    '    "2018-X"  -> "Aisyah Rahman"\n'
    '    missing  hold for sales_admin  say "Nobody has {key}."\n\nmap item',
    1,
).replace(
    "check adds_up",
    "check duplicate_party on order\n    when     debtor_of_number(created_by) is known\n"
    "    require  debtor_of_number(created_by) = debtor(customer)\n"
    "    else     hold for sales_admin\n"
    '    say      "One number, two debtors."\n    clears   when it passes\n\ncheck adds_up',
    1,
)


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Two invoices of Aisyah and one of Boon, and an order of Boon with Aisyah's number."""
    found = open_shop(database, company, clock)
    found.publish({**FILES, "shop.rules": TWICE})
    found.receive(order("NS-1"), order("NS-2"), order("NS-3", customer="C-78"))
    found.judge()
    with database.write() as session, any_move(session):
        session.execute(update(Posting).values(state="posted"))
    found.receive(order("NS-4", customer="C-78", created_by="2018 x"))
    found.judge()
    return found


def hold_id(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.scalars(select(Hold.id).where(Hold.state == "open")).one()


def proposed(shop: Shop, *, turned: bool = False) -> party_merge.Merge | None:
    with shop.database.read() as session:
        return party_merge.merge_proposal(
            session, shop.company.id, hold_id(shop), shop.now.date(), turned=turned
        )


def accept(shop: Shop, who: str = "farah", reason: str = "one company", **more: object) -> object:
    wanted, revision = hold_id(shop), rev(shop)
    given = {"today": shop.now.date(), "rev": revision, **more}
    with shop.database.write() as session:
        return party_merge.accept_merge(session, shop.actor(who), wanted, reason, shop.now, **given)  # type: ignore[arg-type]


def test_the_party_that_the_number_knows_stays_or_turned_round_the_other(shop: Shop) -> None:
    merge = proposed(shop)
    assert merge is not None
    assert (merge.keep, merge.gone, merge.number) == ("Aisyah Rahman", "Boon & Co", "NS-4")
    assert [(key.table, key.key) for key in merge.keys] == [("debtor", "C-78")]
    assert [row.total for row in merge.rows] == [{"": 38400}, {"": 19200}, {"": 57600}]

    merge = proposed(shop, turned=True)
    assert merge is not None
    assert (merge.keep, merge.gone) == ("Boon & Co", "Aisyah Rahman")
    assert [(k.table, k.key) for k in merge.keys] == [
        ("debtor", "C-77"),
        ("debtor_of_number", "2018-X"),
    ]


def test_a_merge_changes_mappings_and_nothing_else(shop: Shop) -> None:
    done = accept(shop)
    assert isinstance(done, party_merge.Merged)
    assert (done.keys, done.woken) == (1, 1)
    assert due(shop) == ["NS-4"]
    shop.judge()
    assert shop.states()["NS-4"] == "ready"
    with shop.database.read() as session:
        assert shop.posting(session, "NS-4").party == "Aisyah Rahman"
        posted = shop.posting(session, "NS-3")
        assert (posted.state, posted.party) == ("posted", "Boon & Co")
        said = session.scalars(select(Event).where(Event.act == "party.merged")).one()
        assert said.body["say"] == (
            "Farah merged Boon & Co into Aisyah Rahman, by 1 key (one company)."
            " Nothing in an accounting system was changed."
        )
        assert party_merge.merge_proposals(session, shop.company.id, shop.now.date()) == ()


def test_a_merge_by_nobody_who_may_or_without_a_reason_is_refused(shop: Shop) -> None:
    refused = accept(shop, "vera")
    assert isinstance(refused, Refusal)
    assert refused.status == 403
    refused = accept(shop, reason=" ")
    assert isinstance(refused, Refusal)
    assert refused.code == "reason.missing"
    assert due(shop) == []


def test_a_key_that_somebody_changed_meanwhile_undoes_all_of_it(shop: Shop) -> None:
    before = rev(shop)
    assert isinstance(fix(shop, "debtor_of_number", "2018-X", "Somebody"), Fixed)
    assert isinstance(fix(shop, "debtor_of_number", "2018-X", "Aisyah Rahman"), Fixed)
    refused = accept(shop, turned=True, rev=before)
    assert isinstance(refused, Refusal)
    assert refused.code == "mapping.changed"
    with shop.database.read() as session:
        kept = select(MappingEntry.value).where(
            MappingEntry.key == "C-77", MappingEntry.to_revision.is_(None)
        )
        assert session.scalars(kept).one() == "Aisyah Rahman"


def test_T21b_a_merge_that_touches_a_table_of_others_changes_nothing(shop: Shop) -> None:
    of_accounts = TWICE.replace(
        '    missing  hold for sales_admin  say "Nobody has {key}."',
        '    kept     by accounts\n    missing  hold for sales_admin  say "Nobody has {key}."',
    )
    with shop.database.write() as session:
        person = shop.actor("adam").person_id or 0
        add_to_team(session, company_id=shop.company.id, name="accounts", person_id=person)
    shop.publish({**FILES, "shop.rules": of_accounts})
    shop.judge()
    refused = accept(shop, turned=True)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.hint) == ("mapping.kept", "Adam can.")
    with shop.database.read() as session:
        ours = select(MappingEntry.value).where(
            MappingEntry.key == "C-77", MappingEntry.to_revision.is_(None)
        )
        assert session.scalars(ours).one() == "Aisyah Rahman", "the first key is undone, too"
    assert isinstance(accept(shop, "adam", turned=True), party_merge.Merged)


def test_a_key_without_an_entry_is_told_how_its_party_is_known(shop: Shop) -> None:
    shop.receive(
        order("NS-6", customer="NEW", created_by="2018-x"),
        order("NS-7", customer="C-999", created_by="nobody"),
    )
    shop.judge()
    with shop.database.read() as session:
        causes = {
            str(key): cause_id
            for cause_id, key in session.execute(select(Cause.id, Cause.key))
            if key.table == "debtor"
        }
        found = {
            key: party_merge.other_identities(session, shop.company.id, "debtor", cause_id)
            for key, cause_id in causes.items()
        }
    [one] = found["mapping:debtor:NEW"]
    assert (one.value, one.reason) == ("Aisyah Rahman", "debtor_of_number says so")
    assert found["mapping:debtor:C-999"] == ()


def test_each_pair_is_listed_once_and_what_is_owed_stands_by_age(shop: Shop) -> None:
    shop.receive(order("NS-5", customer="C-78", created_by="2018X"))
    shop.judge()
    with shop.database.read() as session:
        [merge] = party_merge.merge_proposals(session, shop.company.id, shop.now.date())
        assert merge.number == "NS-4"
        assert (
            party_merge.merge_proposal(session, shop.company.id + 1, merge.hold_id, shop.now.date())
            is None
        )

    with shop.database.write() as session:
        days = {"NS-1": 31, "NS-2": 400, "NS-3": 30}
        for number, age in days.items():
            shop.posting(session, number).doc_date = shop.now.date() - timedelta(days=age)
        session.flush()
        rows = owed_by_age(
            session, shop.company.id, ("Aisyah Rahman", "Boon & Co"), shop.now.date()
        )
    assert [row.ages for row in rows] == [
        ({}, {"": 19200}, {}, {"": 19200}),
        ({"": 19200}, {}, {}, {}),
    ]


def test_rules_are_looked_through_once_however_many_holds_are_proposed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(ruleset: Ruleset, record: str) -> tuple[Agreement, ...]:
        looked.append(record)
        return agreements(ruleset, record)

    shop.receive(*(order(f"NS-{no}", customer="C-78", created_by="2018X") for no in range(5, 9)))
    shop.judge()
    monkeypatch.setattr(party_merge, "agreements", counted)
    with shop.database.read() as session:
        assert party_merge.party_checks(session, shop.company.id) == {"duplicate_party"}
        kinds = len(looked)
        holds = select(func.count()).where(Hold.state == "open")
        assert session.scalar(holds) == 5
        [merge] = party_merge.merge_proposals(session, shop.company.id, shop.now.date())
    assert merge.number == "NS-4"
    assert len(looked) == 2 * kinds + 1  # for the names of the checks, and for that of the holds


def refuse(shop: Shop, who: str = "farah", reason: str = "two owners, two towns") -> object:
    wanted = hold_id(shop)
    with shop.database.write() as session:
        return party_merge.refuse_merge(
            session, shop.actor(who), wanted, reason, shop.now, today=shop.now.date()
        )


def test_a_merge_that_was_refused_is_proposed_no_more_and_made_no_more(shop: Shop) -> None:
    kept = refuse(shop)
    assert isinstance(kept, Apart)
    assert (kept.first, kept.second, kept.by) == ("Aisyah Rahman", "Boon & Co", "Farah")
    with shop.database.read() as session:
        assert party_merge.merge_proposals(session, shop.company.id, shop.now.date()) == ()
        say = (
            session.scalars(select(Event).where(Event.act == "party.kept_apart")).one().body["say"]
        )
        assert say == (
            "Farah refused to merge Aisyah Rahman and Boon & Co, proposed on NS-4"
            " (two owners, two towns). It is not proposed again."
        )
    for turned in (False, True):
        merge = proposed(shop, turned=turned)
        assert merge is not None
        assert merge.apart is not None
        refused = accept(shop, turned=turned)
        assert isinstance(refused, Refusal)
        assert refused.code == "merge.apart"
        assert "because Farah refused it for good: two owners, two towns." in refused.message
    again = refuse(shop, reason="again")
    assert isinstance(again, Refusal)
    assert again.code == "merge.apart"
    shop.receive(order("NS-5", customer="C-78", created_by="2018-x"))
    shop.judge()
    with shop.database.read() as session:
        assert party_merge.merge_proposals(session, shop.company.id, shop.now.date()) == ()
        assert (
            party_merge.find_apart(session, shop.company.id + 1, "Aisyah Rahman", "Boon & Co")
            is None
        )


def test_who_may_merge_may_refuse_it_with_a_reason(shop: Shop) -> None:
    refused = refuse(shop, "vera")
    assert isinstance(refused, Refusal)
    assert refused.status == 403
    refused = refuse(shop, reason=" ")
    assert isinstance(refused, Refusal)
    assert refused.code == "reason.missing"
    with shop.database.read() as session:
        assert len(party_merge.merge_proposals(session, shop.company.id, shop.now.date())) == 1


@contextmanager
def both_have_looked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who has read the proposal goes on when the other has, too, or waits for this one."""
    both, read = Barrier(2), party_merge.merge_proposal

    def read_and_wait(*given: object, **named: object) -> party_merge.Merge | None:
        found = read(*given, **named)  # type: ignore[arg-type]
        with suppress(BrokenBarrierError):
            both.wait(1)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(party_merge, "merge_proposal", read_and_wait)
        yield


def test_of_a_merge_and_its_refusal_at_one_time_one_is_made(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with both_have_looked(monkeypatch), ThreadPoolExecutor(2) as windows:
        made = [windows.submit(accept, shop), windows.submit(refuse, shop, "adam")]
        merged, apart = (one.result() for one in made)
    with shop.database.read() as session:
        acts = ("party.merged", "party.kept_apart")
        told = session.scalars(select(Event.act).where(Event.act.in_(acts))).all()
        kept = session.scalar(select(func.count()).select_from(KeptApart))
    assert len(told) == 1, told
    assert isinstance(merged, party_merge.Merged) == (told == ["party.merged"]) == (kept == 0)
    assert isinstance(apart, Apart) == (kept == 1)


@pytest.mark.parametrize("turned", [False, True])
def test_who_refuses_what_is_merged_already_is_told(shop: Shop, turned: bool) -> None:
    assert isinstance(accept(shop, turned=turned), party_merge.Merged)
    late = refuse(shop, "adam")
    assert isinstance(late, Refusal)
    assert late.code == "merge.over"
    with shop.database.read() as session:
        assert party_merge.merge_proposals(session, shop.company.id, shop.now.date()) == ()
