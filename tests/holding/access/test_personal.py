"""Personal values disappear from what people without the permission read."""

import pytest
from sqlalchemy import select, update

from connectors.targets.aiaccount.ways import SALES_INVOICE
from holding.access import actors
from holding.db.database import Database
from holding.db.models import Company, Posting, Push
from holding.mappings import fixes
from holding.records import trace
from tests.holding.life import Begun
from tests.holding.records.test_duplicate_answer import two_ways
from tests.holding.shop import FILES, open_shop, order
from tests.support.clock import SetClock


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Tan Ah Kow signed", "••• signed"),
        ("“Tan” and TAN AH KOW", "“•••” and •••"),
        ("Tanjung Bungah", "Tanjung Bungah"),
        ("tin IG1234 (before IG12)", "tin ••• (before IG12)"),
    ],
)
def test_whole_values_are_hidden_however_they_are_written(text: str, shown: str) -> None:
    assert actors.hider({"Tan", "Tan Ah Kow", "IG1234"})(text) == shown


def test_without_values_nothing_is_hidden() -> None:
    assert actors.hider(())("anything") == "anything"


def test_the_registration_number_of_a_customer_is_personal() -> None:
    body = {"registration": "900101-14-5678", "number": "NS-1"}
    hidden = {"registration": actors.MASK, "number": "NS-1"}
    assert actors.without_personal(body, actors.ALL_PERSONAL) == hidden
    assert actors.without_personal(body, ()) == body


def test_whatever_a_document_says_of_a_customer_is_personal() -> None:
    told = {field.name for field in SALES_INVOICE.header if field.wire.startswith("customer.")}
    assert told - set(actors.PERSONAL_FIELDS) == {"CustomerIDType"}


@pytest.mark.sqlite
def test_the_story_of_a_record_names_nobody(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-1", customer="C-99", customer_name="Chong Wei", tin="IG77"))
    shop.judge()
    with database.write() as session:
        farah = shop.actor("farah")
        fixes.fix(session, farah, "debtor", "C-99", "Chong & Co", "Chong Wei again", shop.now, 9)
    shop.judge()
    later = order("NS-1", customer="C-99", customer_name="Wong Mei", tin="IG78")
    shop.receive(later, stamp="2026-11-19T00:12:00Z")
    with database.read() as session:
        record_id = shop.record(session, "NS-1").id
        told = " ".join(step.say for step in trace.timeline(session, record_id))
        assert "Chong & Co" in told
        everybody = actors.hiding(session, record_id, actors.ALL_PERSONAL)
        assert "Chong" not in everybody(told)
        assert everybody("Chong Wei → Wong Mei, tin IG77 → IG78") == "••• → •••, tin ••• → •••"
        assert actors.hiding(session, record_id, ())(told) == told


@pytest.mark.sqlite
def test_the_name_it_is_listed_by_is_hidden_and_a_code_is_not(
    database: Database, company: Company, clock: SetClock
) -> None:
    """Its contents may be removed by then; a code names nobody, and who maps it must read it."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-1", customer="C-99"), order("NS-2", customer="C-98"))
    with database.write() as session:
        first, second = shop.record(session, "NS-1"), shop.record(session, "NS-2")
        first.party, second.party = "Chong Wei", "C-98"
        hide = actors.hiding_each(session, [first.id, second.id], actors.ALL_PERSONAL)
        assert hide(first.id, "Chong Wei is C-99") == "••• is C-99"
        assert hide(second.id, "C-98 is not mapped") == "C-98 is not mapped"


@pytest.mark.sqlite
def test_whom_else_a_mapping_names_under_a_personal_value_is_hidden(begun: Begun) -> None:
    """A finding that compares two parties names the one whose record it is not, too; and what the
    mapping said before stays in what was told then.
    """
    rules = two_ways().replace('"IG-1"', '"IG1"')
    life = begun(FILES | {"shop.rules": rules})
    life.arrive("A-1", tin="IG-1")
    shop = life.shop
    with shop.database.write() as session:
        (hold,) = shop.holds(session, "A-1")
        said = hold.message
        assert said == "TIN IG-1 is Boon & Co, order A-1 is of Aisyah Rahman."
        fixes.fix(session, shop.actor("farah"), "debtor_of_tin", "IG1", "Chong & Co", "moved",
                  shop.now, 9)  # fmt: skip
        fixes.fix(session, shop.actor("farah"), "debtor", "C-77", "Siti Aminah", "sold",
                  shop.now, 9)  # fmt: skip
    life.work()
    with shop.database.read() as session:
        hide = actors.hiding(session, shop.record(session, "A-1").id, actors.ALL_PERSONAL)
        assert hide(said) == "TIN ••• is •••, order A-1 is of •••."
        assert hide("Chong & Co, Siti Aminah, C-77, AB-100") == "•••, •••, C-77, AB-100"


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        ("finance", frozenset()),
        ("admin", actors.ALL_PERSONAL - actors.IDENTIFYING),
        ("operator", actors.ALL_PERSONAL),
    ],
)
@pytest.mark.parametrize(
    "scopes",
    [None, frozenset(), frozenset({"record.pii", "record.names"})],
    ids=["no token", "without scopes", "with both scopes"],
)
def test_the_role_alone_decides_what_is_hidden(
    role: str, hidden: frozenset[str], scopes: frozenset[str] | None
) -> None:
    """The scopes of a token neither grant nor deny personal data."""
    actor = actors.Actor(1, "Nadia", "", 1, frozenset({role}), scopes=scopes)
    assert actors.IDENTIFYING, "some fields name the customer"
    assert actors.hidden_fields(actor) == hidden


@pytest.mark.parametrize("table", [Posting, Push], ids=["planned", "sent"])
def test_a_value_of_a_document_alone_is_hidden(begun: Begun, table: type[Posting | Push]) -> None:
    """The name may come from a mapping that has changed since, or be sent and then corrected."""
    life = begun(FILES)
    life.arrive("A-1")
    with life.shop.database.write() as session:
        record_id = life.shop.record(session, "A-1").id
        content = session.scalars(select(table.content)).one() or {}
        fields = {**content["fields"], "Customer": "Siti Aminah"}
        session.execute(update(table).values(content={**content, "fields": fields}))
    with life.shop.database.read() as session:
        hide = actors.hiding(session, record_id, actors.ALL_PERSONAL)
    assert hide("Posted for Siti Aminah.") == f"Posted for {actors.MASK}."
