"""Finding by number or customer: what is found, and that no table is read through for it."""

import pytest
from sqlalchemy import select, text, update

from holding.db.database import Database
from holding.db.models import Company, Posting, Record
from holding.worklist import search
from tests.holding.shop import Shop, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_company


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    made = open_shop(database, company, clock)
    made.publish()
    made.receive(
        order("NS-10", customer_name="Warung Melati"),
        order("NS-11", customer_name="Warung 100% Kopi"),
        order("ns-12", customer="C-102", customer_name="Kedai Teh Tarik"),
    )
    made.judge()
    return made


def numbers(shop: Shop, words: str, company_id: int | None = None) -> list[str]:
    with shop.database.read() as session:
        mine = shop.company.id if company_id is None else company_id
        return sorted(row.number for row in search.find_similar(session, mine, words))


def exact(shop: Shop, words: str, company_id: int | None = None) -> list[tuple[str, str | None]]:
    with shop.database.read() as session:
        mine = shop.company.id if company_id is None else company_id
        return [(row.number, row.document) for row in search.find_exact(session, mine, words)]


def test_a_record_is_found_by_its_number_its_id_and_its_document(shop: Shop) -> None:
    [(number, document)] = exact(shop, "NS-10")
    assert number == "NS-10"
    assert document
    assert exact(shop, document) == [("NS-10", document)]
    with shop.database.read() as session:
        [row] = search.find_exact(session, shop.company.id, "NS-10")
    assert [one for one, _ in exact(shop, row.external_id)] == ["NS-10"]
    assert exact(shop, "NS-1") == exact(shop, "NS-10", shop.company.id + 1) == []


@pytest.mark.parametrize("words", ["ns-121", "NS-121", "Ns-121", "nS-121"])
def test_every_spelling_of_a_number_is_found_by_any(shop: Shop, words: str) -> None:
    spelled = ["NS-121", "Ns-121", "ns-121"]
    shop.receive(*(order(one, customer=f"C-{at}") for at, one in enumerate(spelled)))
    shop.judge()
    with shop.database.read() as session:
        found = search.find_any_case(session, shop.company.id, words)
    assert sorted(row.number for row in found) == spelled
    assert numbers(shop, words[:5]) == ["NS-121", "Ns-121", "ns-12", "ns-121"]
    assert [number for number, _ in exact(shop, words)] == ([words] if words in spelled else [])


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("B-10", {"B-10", "b-10"}),
        ("10", {"10"}),
        ("É-1", {"É-1", "é-1"}),
        (
            "Order number 7",
            {"Order number 7", "ORDER NUMBER 7", "order number 7", "Order Number 7"},
        ),
    ],
)
def test_a_number_with_many_letters_has_its_usual_spellings(text: str, spelled: set[str]) -> None:
    assert search.spellings(text, 8) == spelled


def test_a_long_beginning_is_found_whatever_the_case_of_its_letters(shop: Shop) -> None:
    shop.receive(order("SHOPEE-Order-7", customer="C-1"), order("SHOPee-Offer-7", customer="C-2"))
    shop.judge()
    assert numbers(shop, "shopEE-order") == ["SHOPEE-Order-7"]
    assert numbers(shop, "shopee-o") == ["SHOPEE-Order-7", "SHOPee-Offer-7"]


def test_a_record_is_found_by_the_id_of_its_document_in_the_target(shop: Shop) -> None:
    [(_, document)] = exact(shop, "NS-11")
    with shop.database.write() as session:
        session.execute(
            update(Posting).where(Posting.number == document).values(target_ref="INV-000417")
        )
    assert [number for number, _ in exact(shop, "INV-000417")] == ["NS-11"]
    assert exact(shop, "INV-000417", shop.company.id + 1) == exact(shop, "INV-00041") == []
    query = select(Posting.record_id).where(Posting.company_id == 1, Posting.target_ref == "x")
    if shop.database.dialect == "sqlite":
        with shop.database.read() as session:
            said = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
            plan = str(session.execute(text(f"EXPLAIN QUERY PLAN {said}")).all())
        assert "ix_posting_ref" in plan


def test_a_beginning_is_found_in_any_case_and_a_customer_by_any_letters(shop: Shop) -> None:
    assert numbers(shop, "NS-1") == numbers(shop, "ns-1") == ["NS-10", "NS-11", "ns-12"]
    assert numbers(shop, "NS-11") == ["NS-11"]
    assert numbers(shop, "arung 1") == ["NS-11"]
    assert numbers(shop, "TARIK") == ["ns-12"]
    assert numbers(shop, "S-1") == numbers(shop, "NS-1", shop.company.id + 1) == []


def test_signs_that_databases_take_for_any_letter_are_letters(shop: Shop) -> None:
    assert numbers(shop, "0% K") == ["NS-11"]
    assert numbers(shop, "%") == ["NS-11"]
    assert numbers(shop, "NS_1") == numbers(shop, "N%") == []


@pytest.mark.parametrize("words", ["4711", "nothing has this"])
def test_finding_costs_the_same_however_much_is_stored(shop: Shop, words: str) -> None:
    if shop.database.dialect != "sqlite":
        pytest.skip("SQLite counts the instructions of a query; PostgreSQL has the same indexes")
    few = cost(shop, words)
    columns = [column.name for column in Record.__table__.columns if column.name != "id"]
    values = ", ".join(
        f"{name} || '-' || k" if name in {"number", "external_id"} else name for name in columns
    )
    with shop.database.engine.begin() as connection:
        connection.exec_driver_sql(
            f"WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 400)"
            f" INSERT INTO record ({', '.join(columns)}) SELECT {values} FROM record, n"
        )
    assert cost(shop, words) < 2 * few


def cost(shop: Shop, words: str) -> int:
    """Instructions of SQLite that both ways of finding take."""
    count = [0]

    def ran() -> int:
        count[0] += 1
        return 0

    with shop.database.read() as session:
        raw = session.connection().connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(ran, 10)
        search.find_exact(session, shop.company.id, words)
        search.find_similar(session, shop.company.id, words)
        raw.set_progress_handler(None, 10)
    return count[0]


def test_several_companies_are_searched_by_the_same_statements(
    shop: Shop, statements: list[str]
) -> None:
    with shop.database.write() as session:
        second = make_company(session, "second")
        source = connection_named(session, second, "netshop").id
        names = [one.name for one in Record.__table__.columns if one.name != "id"]
        for number in ("NS-10", "NS-20"):
            first = (
                session.query(Record).filter_by(company_id=shop.company.id, number="NS-10").one()
            )
            own = {"company_id": second.id, "source_id": source, "number": number}
            own["external_id"] = f"second-{number}"
            session.add(Record(**{name: getattr(first, name) for name in names} | own))
    both = [shop.company.id, second.id]
    with shop.database.read() as session:
        found = search.find_exact_in(session, both, "NS-10")
        assert sorted((row.company_id, row.number) for row in found) == [
            (both[0], "NS-10"), (both[1], "NS-10")]  # fmt: skip
        named = search.find_similar_in(session, both, "warung m")
        assert sorted((row.company_id, row.number) for row in named) == [
            (both[0], "NS-10"), (both[1], "NS-10"), (both[1], "NS-20")]  # fmt: skip
        begun = {row.company_id for row in search.find_similar_in(session, both, "NS-")}
        assert begun == set(both)
        assert {row.company_id for row in search.find_similar_in(session, both[1:], "NS-")} == {
            both[1]
        }
        counts = []
        for companies in (both[:1], both):
            statements.clear()
            search.find_exact_in(session, companies, "NS-10")
            search.find_similar_in(session, companies, "warung")
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 3, counts
