import pytest
from sqlalchemy import func, select
from sqlalchemy.orm.attributes import set_committed_value

from holding.access import actors, people
from holding.db.database import Database
from holding.db.models import (
    Change,
    Company,
    Event,
    MappingEntry,
    MappingTable,
    Revision,
    RuleFile,
    RulesetVersion,
    Team,
)
from holding.db.refusal import Refusal
from holding.mappings.entries import table_of
from holding.rulesets import publication
from holding.rulesets.admission import Report, RulesRefusal, report
from tests.holding.shop import FILES, ITEMS, RULES, Shop, open_shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def push(
    shop: Shop, files: dict[str, str], who: str = "chan", checked: Report | None = None
) -> int | Refusal:
    company, actor = shop.company.id, shop.actor(who)
    with shop.database.write() as session:
        return publication.push_change(session, company, actor, files, "Rules", shop.now, checked)


def entries(shop: Shop, table: str) -> dict[str, str | None]:
    with shop.database.read() as session:
        found = table_of(session, shop.company.id, table)
        assert found is not None
        rows = session.scalars(
            select(MappingEntry).where(
                MappingEntry.table_id == found.id, MappingEntry.to_revision.is_(None)
            )
        )
        return {row.key: row.value for row in rows}


# ---- push --------------------------------------------------------------------------------------


def test_a_push_is_stored_with_hash_and_author_and_changes_nothing_yet(shop: Shop) -> None:
    assert push(shop, FILES) == 1
    with shop.database.read() as session:
        change = session.scalars(select(Change)).one()
    assert (change.no, change.state) == (1, "review")
    assert change.author_id == shop.actor("chan").person_id
    with shop.database.read() as session:
        assert session.get_one(Company, shop.company.id).ruleset_version_id is None
        assert session.scalar(select(func.count()).select_from(MappingTable)) == 0


def test_T29c_a_report_counts_for_its_own_files_only(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {**FILES, "shop.rules": RULES + "\ncheck\n"}
    assert isinstance(push(shop, bad, checked=report(FILES)), RulesRefusal)
    assert isinstance(push(shop, FILES, checked=report(bad)), int)
    monkeypatch.setattr(publication, "examine", None)  # nobody looks again
    refusal = push(shop, bad, checked=report(bad))
    assert isinstance(refusal, RulesRefusal)
    assert refusal.message.startswith("The rules were not taken: shop.rules:")
    assert isinstance(push(shop, FILES, checked=report(FILES)), int)


def test_files_with_mistakes_are_refused_with_all_of_them(shop: Shop) -> None:
    broken = RULES.replace("debtor(customer)", "debitor(customer)").replace("item(line", "itm(line")
    refusal = push(shop, {**FILES, "shop.rules": broken})
    assert isinstance(refusal, RulesRefusal)
    assert refusal.status == 422
    assert len([p for p in refusal.problems if p.severity == "error"]) >= 2
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Change)) == 0


def test_a_field_that_the_target_does_not_have_is_refused(shop: Shop) -> None:
    wrong = RULES.replace("    Reference      = number\n", "    Shelf          = number\n")
    assert isinstance(push(shop, {**FILES, "shop.rules": wrong}), RulesRefusal)


def test_a_failing_test_is_refused(shop: Shop) -> None:
    tests = """\
language 1

sample tea of order at 2026-11-19 02:00
    number      = "NS-1"
    status      = paid
    ordered_on  = 2026-11-18
    customer    = "C-77"
    total       = 10.00
    line  pos = 1, sku = "TEA-1", name = "Tea", uom = "PCS", qty = 1, price = 10.00
    with  debtor("C-77") = "Aisyah", item("TEA-1") = "TEA-1"

test "it waits"
    given    tea
    expect   aiaccount.sales_invoice wait
"""
    refusal = push(shop, {**FILES, "shop_test.rules": tests})
    assert isinstance(refusal, RulesRefusal)
    assert any("it waits" in told for told in refusal.failed_tests)
    good = tests.replace("sales_invoice wait", "sales_invoice ready")
    assert isinstance(push(shop, {**FILES, "shop_test.rules": good}), int)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "maps/items.csv"),
        ("code,item\nA,B\n", "has no column 'sku'"),
        (ITEMS + "TEA-1,TEA-2\n", "maps/items.csv:4"),
    ],
)
def test_faults_of_csv_files_are_refused(shop: Shop, text: str | None, told: str) -> None:
    files = {path: body for path, body in FILES.items() if path != "maps/items.csv"}
    if text is not None:
        files["maps/items.csv"] = text
    refusal = push(shop, files)
    assert isinstance(refusal, RulesRefusal)
    assert told in refusal.message


def test_no_rule_files_at_all_are_refused(shop: Shop) -> None:
    refusal = push(shop, {"maps/items.csv": ITEMS})
    assert isinstance(refusal, RulesRefusal)


def test_only_a_consultant_pushes(shop: Shop) -> None:
    for who in ("pua", "farah", "lim", "vera", "adam"):
        refusal = push(shop, FILES, who)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 403


# ---- publish -----------------------------------------------------------------------------------


def test_the_author_does_not_publish(shop: Shop, company: Company, clock: SetClock) -> None:
    with shop.database.write() as session:
        chan = shop.actor("chan").person_id or 0
        people.add_membership(
            session,
            company_id=company.id,
            person_id=chan,
            role="publisher",
            actor=actors.SYSTEM,
            now=clock.now(),
        )
        both = actors.actor_of(session, chan, company.id)
        assert both is not None
        change = publication.push_change(session, company.id, both, FILES, "Rules", clock.now())
        assert isinstance(change, int)
        refusal = publication.publish_change(session, change, both, clock.now())
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.status) == ("rules.own", 403)
        assert refusal.hint == "Pua can publish it."


def test_a_publish_makes_version_files_teams_tables_and_entries(shop: Shop) -> None:
    published = shop.publish()
    assert (published.no, published.revision) == (1, 1)
    assert published.seeded.added == 9
    assert published.seeded.differences == ()
    with shop.database.read() as session:
        company = session.get_one(Company, shop.company.id)
        assert company.ruleset_version_id == published.version_id
        assert company.settings == {"fallback_team": "accounts"}
        version = session.get_one(RulesetVersion, published.version_id)
        assert version.published_by_id == shop.actor("pua").person_id
        assert publication.files_of(session, version.id) == FILES
        publication.files_of(session, version.id).clear()  # whoever asks may take some away
        assert publication.files_of(session, version.id) == FILES
        assert session.scalar(select(func.count()).select_from(RuleFile)) == 3
        titles = session.execute(select(Team.name, Team.title).order_by(Team.name))
        assert {row.name: row.title for row in titles} == {
            "accounts": "Accounts team",
            "sales_admin": "Sales administration",
        }
        kinds = session.scalars(select(Revision.kind)).all()
        assert kinds == ["rules"]
        said = session.scalars(select(Event).where(Event.act == "rules.published")).one()
        assert "Pua published change 1 by Chan as rule version 1" in said.body["say"]
    assert entries(shop, "item") == {"TEA-1": "TEA-1", "CUP-4": "CUP-4"}


def test_a_change_is_published_once(shop: Shop) -> None:
    shop.publish()
    with shop.database.write() as session:
        refusal = publication.publish_change(session, 1, shop.actor("pua"), shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "change.closed"
        unknown = publication.publish_change(session, 9, shop.actor("pua"), shop.now)
        assert isinstance(unknown, Refusal)
        assert unknown.status == 404


def test_a_change_made_before_another_publish_is_pushed_again(shop: Shop) -> None:
    early = push(shop, FILES)
    assert isinstance(early, int)
    shop.publish()
    with shop.database.write() as session:
        refusal = publication.publish_change(session, early, shop.actor("pua"), shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "change.behind"


def test_a_publish_looks_at_what_is_in_force_under_its_lock(shop: Shop) -> None:
    early = push(shop, FILES)
    assert isinstance(early, int)
    version_id = shop.publish().version_id
    with shop.database.write() as session:
        company = session.get_one(Company, shop.company.id)
        # as this session may have it from a moment before another publish
        set_committed_value(company, "ruleset_version_id", None)
        refusal = publication.publish_change(session, early, shop.actor("pua"), shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "change.behind"
        assert company.ruleset_version_id == version_id


def test_a_later_publish_adds_new_keys_and_overwrites_nothing(shop: Shop) -> None:
    shop.publish()
    items = "sku,item\nTEA-1,TEA-99\nCUP-4,CUP-4\nPOT-1,POT-1\n"
    rules = RULES.replace("1 CTN                = 4 BOX", "1 CTN                = 6 BOX")
    published = shop.publish({**FILES, "maps/items.csv": items, "shop.rules": rules})
    assert published.seeded.added == 1
    assert [(d.table, d.key, d.stored, d.declared) for d in published.seeded.differences] == [
        ("item", "TEA-1", "TEA-1", "TEA-99"),
        ("units", "CTN", "4 BOX", "6 BOX"),
    ]
    assert entries(shop, "item") == {"TEA-1": "TEA-1", "CUP-4": "CUP-4", "POT-1": "POT-1"}


def test_a_publish_wakes_what_is_not_final(shop: Shop) -> None:
    rules = RULES.replace("pending", "packing")
    shop.receive(order("NS-1"), order("NS-2", status="packing"), order("NS-3", status="cancelled"))
    assert shop.publish({**FILES, "shop.rules": rules}).woken == 3
    shop.judge()
    assert shop.states() == {"NS-1": "ready", "NS-2": "waiting", "NS-3": "dropped"}
    changed = rules.replace("gate order\n    ready   paid", "gate order\n    ready   paid, packing")
    changed = changed.replace("    wait    packing\n", "")
    assert shop.publish({**FILES, "shop.rules": changed}).woken == 3
    shop.judge()
    assert shop.states() == {"NS-1": "ready", "NS-2": "ready", "NS-3": "dropped"}
    changed = changed.replace("ready   paid, packing", "ready   paid, packing, cancelled")
    assert (
        shop.publish({**FILES, "shop.rules": changed.replace("\n    cancel  cancelled", "")}).woken
        == 3
    )
    shop.judge()
    assert shop.states() == {"NS-1": "ready", "NS-2": "ready", "NS-3": "ready"}
