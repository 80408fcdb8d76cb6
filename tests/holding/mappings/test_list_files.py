"""Lists of a target's codes from files: reading one, keeping it, what changed, looking into it."""

from datetime import date

import pytest
from sqlalchemy import func, select, text

from connectors.kit.workbook import write
from holding.db.database import Database
from holding.db.models import Company, Event, ListedCode
from holding.db.models.columns import ListKind
from holding.db.refusal import Refusal
from holding.mappings import file_codes, list_files
from holding.mappings.file_codes import FileList, Identity
from holding.mappings.list_files import ListStanding
from holding.mappings.list_rows import ListRow, read_list, registration_key, short_name_key, tin_key
from tests.holding.shop import Shop, open_shop, start
from tests.support.clock import SetClock

HEADS = ["Customer code", "Customer name", "TIN", "Registration no.", "Active"]
MAJU = ["300-M012", "Maju Jaya Trading Sdn Bhd", "C20881234010", "201801012345 (1267890-X)", "yes"]
BOON = ["300-B001", "Boon & Co", "", "", "no"]


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """A company with AiAccount."""
    return open_shop(database, company, clock)


def csv(*rows: list[str]) -> bytes:
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode()


def give(
    shop: Shop,
    *rows: list[str],
    who: str = "farah",
    as_of: str = "2026-11-18",
    name: str = "customers.csv",
    target: str = "aiaccount",
    raw: bytes = b"",
) -> ListStanding | Refusal:
    raw = raw or csv(HEADS, *rows)
    with shop.database.write() as session:
        return list_files.submit_list(
            session,
            shop.actor(who),
            target,
            ListKind.CUSTOMER,
            name,
            raw,
            read_list(name, raw, ListKind.CUSTOMER),
            as_of=date.fromisoformat(as_of),
            today=shop.now.date(),
            now=shop.now,
        )


def code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def test_a_list_of_a_day_is_kept_with_who_and_what_it_has(shop: Shop) -> None:
    kept = give(shop, MAJU, BOON)
    assert isinstance(kept, ListStanding)
    assert (kept.target, kept.kind, str(kept.as_of)) == ("aiaccount", "customer", "2026-11-18")
    assert (kept.entries, kept.added, kept.changed, kept.gone) == (2, 2, 0, 0)
    assert (kept.file_name, kept.by) == ("customers.csv", "Farah")
    with shop.database.read() as session:
        say = session.scalars(select(Event.body).where(Event.act == "list.given")).one()["say"]
        assert say == (
            "Farah gave in the list of customers of aiaccount of 2026-11-18, customers.csv: "
            "2 entries; 2 added, 0 changed, 0 gone."
        )


def test_the_next_list_says_what_it_has_otherwise(shop: Shop) -> None:
    give(shop, MAJU, BOON)
    other = ["300-M012", "Maju Jaya", *MAJU[2:]]
    kept = give(shop, other, ["300-A004", "Ace", "", "", ""], as_of="2026-11-19")
    assert isinstance(kept, ListStanding)
    assert (kept.entries, kept.added, kept.changed, kept.gone) == (2, 1, 1, 1)
    with shop.database.read() as session:
        found = list_files.file_changes(session, shop.company.id, kept.file_id, 10)
        assert found is not None
        told = {one.row.code: (one.what, one.before and one.before.name) for one in found[1]}
        assert told == {
            "300-A004": ("Added", None),
            "300-B001": ("Gone", None),
            "300-M012": ("Changed", "Maju Jaya Trading Sdn Bhd"),
        }
        assert list_files.file_changes(session, shop.company.id + 1, kept.file_id, 10) is None
        live = select(func.count()).where(ListedCode.to_file_id.is_(None))
        assert session.scalar(live) == 2
        [stands] = list_files.current_lists(session, shop.company.id)
        assert stands.file_id == kept.file_id
        rows = list_files.change_rows(found[1], personal=False)
        assert rows[3] == ["Changed", "300-M012", "", "", "", "yes", ""]
        rows = list_files.change_rows(found[1], personal=True)
        assert rows[3][2:5] == ["Maju Jaya", *MAJU[2:4]]


def test_a_list_is_not_given_in_twice_nor_for_a_wrong_day_nor_by_anybody(shop: Shop) -> None:
    give(shop, MAJU)
    assert code(give(shop, MAJU)) == "list.same"
    assert isinstance(give(shop, MAJU, as_of="2026-11-19"), ListStanding), "the same on a later day"
    assert code(give(shop, BOON, as_of="2026-11-18")) == "list.day"
    assert code(give(shop, BOON, as_of="2027-01-01")) == "list.day"
    assert code(give(shop, BOON, target="netshop")) == "list.target"
    refused = give(shop, BOON, who="vera")
    assert isinstance(refused, Refusal)
    assert refused.status == 403


@pytest.mark.parametrize(
    ("name", "raw", "wanted", "words"),
    [
        ("c.txt", b"x", "list.ending", ""),
        ("c.csv", b"", "list.empty", ""),
        ("c.csv", b"Customer code\n", "list.empty", ""),
        ("c.csv", b"Telephone\n1\n", "list.headings", "“Customer code” or “Customer name”"),
        ("c.csv", b"Customer code\nA\nB\nA\n", "list.rows", "row 4: A is there twice"),
        ("c.csv", b"Customer code,Name\n,Boon\n", "list.rows", "A2 has no code"),
        ("c.csv", b"Customer code,Active\nA,perhaps\n", "list.rows", "B2 says neither"),
        ("c.csv", b"Customer code\n" + b"A" * 201, "list.rows", "A2 is longer than 200"),
        ("c.csv", b"Customer code\n\xff", "list.not_utf8", ""),
        ("c.xlsx", b"no workbook", "list.not_xlsx", ""),
        (
            "c.csv",
            b"Code\n" + b"\n".join(b"%d" % n for n in range(100_001)),
            "list.too_many_rows",
            "",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    shop: Shop, name: str, raw: bytes, wanted: str, words: str
) -> None:
    found = read_list(name, raw, ListKind.CUSTOMER)
    assert isinstance(found, Refusal)
    assert (found.code, found.status) == (wanted, 422)
    assert words in found.message
    if raw:
        assert code(give(shop, name=name, raw=raw)) == wanted
    with shop.database.read() as session:
        assert list_files.current_lists(session, shop.company.id) == ()


def test_a_workbook_is_read_like_a_csv_and_names_serve_as_codes() -> None:
    assert read_list("c.xlsx", write("Customers", [HEADS, MAJU]), ListKind.CUSTOMER) == (
        ListRow("300-M012", "Maju Jaya Trading Sdn Bhd", "C20881234010", MAJU[3], active=True),
    )
    named = read_list("c.csv", b"Customer,TIN\nAisyah Rahman,IG1\n", ListKind.CUSTOMER)
    assert named == (ListRow("Aisyah Rahman", "Aisyah Rahman", "IG1", "", active=True),)
    items = read_list("i.csv", b"SKU,Description,Status\nT-1,Tea,inactive\n", ListKind.ITEM)
    assert items == (ListRow("T-1", "Tea", "", "", active=False),)


def test_numbers_and_names_are_compared_without_their_spelling() -> None:
    assert tin_key("c 2088-1234010") == tin_key("C20881234010") == "C20881234010"
    assert tin_key("EI00000000010") == "", "the number of the general public tells nobody"
    assert registration_key("201801012345") == registration_key("201801012345 (1267890-X)")
    assert registration_key("1267890-X") == "1267890x"
    assert short_name_key("Maju Jaya Sdn. Bhd.") == short_name_key("maju jaya")
    assert short_name_key("Maju Jaya Berhad") == short_name_key("MAJU-JAYA")
    assert short_name_key("Sdn Bhd") == "sdnbhd"
    assert short_name_key("Bhd Maju") != short_name_key("Maju")


def listed(shop: Shop) -> FileList:
    give(shop, MAJU, BOON, ["300-A004", "Ace Jaya", "C19993344020", "", ""])
    with shop.database.read() as session:
        asked = {
            (one.connection_id, one.kind)
            for one in list_files.current_lists(session, shop.company.id)
        }
        [found] = file_codes.file_lists(session, asked)
        return found


@pytest.mark.parametrize(
    ("letters", "codes"),
    [
        ("", ["300-A004", "300-B001", "300-M012"]),
        ("300-m", ["300-M012"]),
        ("boon", ["300-B001"]),
        ("JAYA", ["300-A004", "300-M012"]),
        ("b001", ["300-B001"]),
        ("&", []),
        ("%", []),
    ],
)
def test_letters_find_codes_and_names(shop: Shop, letters: str, codes: list[str]) -> None:
    one = listed(shop)
    with shop.database.read() as session:
        assert (
            sorted(each.code for each in file_codes.search_codes(session, one, letters, 9)) == codes
        )
        assert len(file_codes.search_codes(session, one, letters, 1)) == min(1, len(codes))


@pytest.mark.parametrize(
    ("who", "codes"),
    [
        (Identity("C-1", tin="C 20881234010"), ["300-M012"]),
        (Identity("C-1", registration="201801012345"), ["300-M012"]),
        (Identity("C-1", name="BOON AND CO"), []),
        (Identity("C-1", name="boon & co."), ["300-B001"]),
        (Identity("300-a004"), ["300-A004"]),
        (Identity("C-1", name="Boon & Co", tin="C19993344020"), ["300-A004", "300-B001"]),
        (Identity("C-1"), []),
    ],
)
def test_a_party_is_found_by_what_tells_it(shop: Shop, who: Identity, codes: list[str]) -> None:
    one = listed(shop)
    with shop.database.read() as session:
        assert [each.code for each in file_codes.fitting_codes(session, one, [who])] == codes
        assert set(file_codes.codes_by_code(session, one, ["300-B001", "X"])) == {"300-B001"}


PLANS = {
    "code_key": ("code_key >= 'c12' AND code_key < 'c13'", "code_key LIKE 'c12%'"),
    "name_key": ("name_key >= 'n12' AND name_key < 'n13'", "name_key LIKE 'n12%'"),
    "tin_key": ("tin_key = 'C120' AND tin_key <> ''",) * 2,
    "registration_key": ("registration_key = '120' AND registration_key <> ''",) * 2,
}


def test_beginnings_and_numbers_are_found_by_an_index(shop: Shop) -> None:
    give(shop, *([f"C{n}", f"N{n}", f"C{n}0", f"{n}0", "yes"] for n in range(3000)))
    with shop.database.write() as session:
        lite = session.get_bind().dialect.name == "sqlite"
        session.execute(text("ANALYZE listed_code"))
        mine = "SELECT * FROM listed_code WHERE connection_id = :c AND kind = 'customer'"
        [stands] = list_files.current_lists(session, shop.company.id)
        for column, terms in PLANS.items():
            explain = "EXPLAIN QUERY PLAN" if lite else "EXPLAIN"
            query = f"{explain} {mine} AND to_file_id IS NULL AND {terms[0 if lite else 1]}"
            plan = str(session.execute(text(query), {"c": stands.connection_id}).all())
            assert f"ix_listed_code_{column}" in plan, plan
