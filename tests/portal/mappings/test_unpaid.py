"""What is unpaid in an accounting system: its page, its files, and beside a refused payment."""

import io
import json
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from holding.access.actors import SYSTEM
from holding.db.models import Company, Connection, Hold, ListReading, Person, Posting
from holding.db.models.columns import ListKind
from holding.mappings import list_sources, list_storage
from holding.mappings.list_rows import ListRow
from rules.outcomes import Document
from rules.values.canonical import plain as canonical
from tests.portal.reading import one, plain
from tests.support.databases import any_move
from tests.support.factories import make_connection

pytestmark = pytest.mark.sqlite
LISTS = "/c/kedai/mappings/lists"
UNPAID = f"{LISTS}/unpaid"
FILE = (
    b"Invoice number,Customer code,Customer name,Balance\n"
    b'NS-1,300-M001,Maju Jaya,"1,108.90"\nNS-2,300-A002,Aisyah Rahman,50\n'
)


def give(browser, raw=FILE, as_of="2026-11-19", kind="invoice"):
    form = {"target": "aiaccount", "kind": kind, "as_of": as_of}
    return browser.post(LISTS, {**form, "file": (io.BytesIO(raw), "unpaid.csv")}, status=303)


def test_a_list_of_unpaid_invoices_is_given_in_shown_and_searched(visit):
    farah = visit("farah")
    assert "No accounting system has a list of unpaid documents." in plain(farah.text(UNPAID))
    before = plain(farah.text(LISTS)).partition("Upload a list")[0]
    says = "No list. Payments are not compared with what is left to pay."
    assert all(f"AiAccount Unpaid {one} {says}" in before for one in ("invoices", "bills"))
    changed = give(farah).headers["Location"]
    told = plain(farah.text(changed))
    assert "2 in all, 2 added, 0 changed, 0 gone since the list before" in told
    assert "Added NS-1 Maju Jaya 300-M001 RM 1,108.90" in told
    page = plain(farah.text(UNPAID))
    assert "From the file unpaid.csv of 2026-11-19. Payments are compared" in page
    assert "Unpaid invoices, AiAccount" in page
    assert "NS-1 Maju Jaya 300-M001 RM 1,108.90" in page
    for letters in ("ns-2", "aisy"):
        found = plain(farah.text(f"{UNPAID}?q={letters}"))
        assert "NS-2 Aisyah Rahman 300-A002 RM 50.00" in found
        assert "NS-1" not in found
    assert 'No unpaid document has "zz".' in plain(farah.text(f"{UNPAID}?q=zz"))
    listed = farah.text(LISTS)
    assert "AiAccount Unpaid invoices File unpaid.csv of 2026-11-19" in plain(listed)
    assert f"{UNPAID}?of=" in listed


def test_what_changed_is_told_with_what_was_left_before(visit):
    farah = visit("farah")
    give(farah)
    url = give(farah, FILE.replace(b'"1,108.90"', b"8.90")).headers["Location"]
    page = plain(farah.text(url))
    assert "Changed NS-1 Maju Jaya 300-M001 RM 8.90 before RM 1,108.90" in page
    (row,) = json.loads(farah.text(f"{url}.json"))["rows"]
    assert (row["number"], row["left_to_pay"], row["before"]) == ("NS-1", "8.90", "1108.90")


def test_names_are_for_those_who_may_see_them_on_the_page_and_in_its_files(visit):
    url = give(visit("farah")).headers["Location"]
    for address in (UNPAID, f"{UNPAID}.csv", url, f"{url}.csv"):
        assert "Maju Jaya" in visit("farah").text(address)
        assert "Maju Jaya" not in visit("vera").text(address)
        assert "300-M001" in visit("vera").text(address)


def test_by_names_nothing_is_found_for_who_may_not_see_them(visit):
    give(visit("farah"))
    for address in (f"{UNPAID}?q=", f"{UNPAID}.csv?q="):
        assert "NS-1" not in visit("vera").text(f"{address}maju")
        assert "NS-1" in visit("farah").text(f"{address}maju")
        assert "NS-1" in visit("vera").text(f"{address}ns-1")


def test_a_number_is_found_beside_more_names_than_are_shown(visit):
    rows = [
        b"NS-%d,300-M001,Maju 77 Jaya,5" % no for no in range(1000, 1300) if b"77" not in b"%d" % no
    ]
    give(visit("farah"), b"\n".join([FILE.splitlines()[0], *rows, b"XX-77,300-A002,Aisyah,5", b""]))
    for address in (f"{UNPAID}?q=77", f"{UNPAID}.csv?q=77"):
        assert "XX-77" in visit("vera").text(address)
        assert "NS-1000" not in visit("vera").text(address)


def test_which_list_is_shown_is_said_and_invoices_come_first(visit):
    farah = visit("farah")
    give(farah)
    bills = b"Bill number,Supplier code,Supplier name,Amount due\nB-7,400-B012,Blogger,250\n"
    give(farah, bills, kind="bill")
    page = farah.text(UNPAID)
    assert "Unpaid invoices in AiAccount" in plain(page)
    assert "NS-1 Maju Jaya" in plain(page)
    other = re.search(r'href="([^"]*kind=bill[^"]*)"', page)
    assert other is not None
    page = plain(farah.text(other[1].replace("&amp;", "&")))
    assert "Unpaid bills in AiAccount" in page
    assert "B-7 Blogger 400-B012 RM 250.00" in page


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ms", "Invois belum dibayar dalam AiAccount"),
        ("zh", "AiAccount 中的未付发票"),
    ],
)
def test_which_list_is_shown_is_said_in_the_language_of_the_reader(
    visit, database, language, words
):
    farah = visit("farah")
    changes = give(farah).headers["Location"]
    settings = canonical({"language": language})
    with database.write() as session:
        session.execute(update(Person).where(Person.name == "Farah").values(settings=settings))
    assert words in plain(farah.text(UNPAID))
    said = {"ms": "kini ialah senarai bertarikh", "zh": "现为 2026-11-19 的清单"}
    assert said[language] in plain(
        farah.text(give(farah, FILE + b"NS-3,C,Ali,5\n").headers["Location"])
    )
    assert not re.search(r" old\b", plain(farah.text(LISTS)))
    for address in (UNPAID, LISTS, changes):
        assert not re.search("[Uu]npaid (?:in|bi|do)", plain(farah.text(address)))


def test_who_sees_no_names_is_asked_for_a_number(visit):
    give(visit("farah"))
    assert 'placeholder="Number or name"' in visit("farah").text(UNPAID)
    assert 'placeholder="Number"' in visit("vera").text(UNPAID)


def test_the_files_have_what_was_asked_for(visit):
    farah = visit("farah")
    give(farah)
    told = json.loads(farah.text(f"{UNPAID}.json?q=aisyah"))
    assert [row["number"] for row in told["rows"]] == ["NS-2"]
    assert told["rows"][0]["left_to_pay"] == "50.00"


def test_a_list_that_is_empty_says_that_nothing_is_unpaid(visit):
    farah = visit("farah")
    give(farah, FILE.splitlines()[0] + b"\nNS-1,300-M001,Maju Jaya,0\n")
    assert "Nothing is unpaid." in plain(farah.text(UNPAID))


def listed(session, target, rows, at, kind=ListKind.INVOICE):
    """QuickBooks told this list then."""
    found = [
        ListRow(f"id-{number}", "Ali", "", "", True, sku=number, party=party,
                left=Decimal(left), currency="MYR")
        for number, party, left in rows
    ]  # fmt: skip
    list_storage.store_list(
        session, SYSTEM, target, kind, "the list", "0" * 64, found, as_of=at.date(), now=at
    )
    session.add(ListReading(connection_id=target.id, kind=kind, done_at=at))


@pytest.fixture
def refused(database, clock):
    """A payment of NS-10 over 100.00 by customer 58 was refused; its route still says AiAccount."""
    wanted = one(database, "SELECT min(id) FROM hold WHERE code = 'APP01' AND state = 'open'")
    document = Document(
        target="quickbooks", document="payment", number="R-1", date=date(2026, 11, 19), party="58",
        currency="MYR", amount=Decimal("100.00"), fields={"InvoiceNumber": "NS-10"}, lines=(),
    )  # fmt: skip
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        made = make_connection(session, company, "quickbooks", side="target")
        told = {"code": "TGT01", "error_class": "mapping_missing", "clears": "itself"}
        session.execute(update(Hold).where(Hold.id == wanted).values(**told))
        query = select(Posting).join(Hold, Hold.posting_id == Posting.id).where(Hold.id == wanted)
        posting = session.scalars(query).one()
        with any_move(session):
            posting.state, posting.sent_at = "failed", clock.now()
            posting.connection_id, posting.doc_type = made.id, "payment"
            posting.content = canonical(document)
    return wanted


def beside(visit, hold):
    page = plain(visit("lim").text(f"/c/kedai/holding/{hold}"))
    _, begins, rest = page.partition("in AiAccount, read ")
    return f"read {rest}".partition("All unpaid documents")[0] if begins else ""


def tell(database, rows, at):
    with database.write() as session:
        target = session.scalars(select(Connection).where(Connection.name == "quickbooks")).one()
        listed(session, target, rows, at)


def test_without_a_list_nothing_is_proposed(visit, refused):
    assert beside(visit, refused) == ""


def test_a_refused_payment_stands_beside_what_is_unpaid_of_its_party(
    visit, refused, database, clock
):
    others = [(f"ZZ-{no}", "58", "1.00") for no in range(4)]
    theirs = [("NS-10", "60", "500.00")]
    own = [("NS-1O", "58", "100.00"), ("ns 10", "58", "99.99"), ("NS-118", "58", "7.00")]
    tell(database, [*others, *theirs, *own], clock.now() - timedelta(hours=3))
    page = beside(visit, refused)
    assert page.startswith("read ")
    rows = " ".join(page.partition("Compared with NS-10")[2].split())
    assert rows == " ".join(
        (
            "ns 10 RM 99.99 Nearly the same number",
            "NS-1O RM 100.00 Nearly the same number",
            "NS-118 RM 7.00 Another number",
            "ZZ-0 RM 1.00 Another number",
            "ZZ-1 RM 1.00 Another number",
            "More are unpaid.",
        )
    )


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ("100.00", "The number that the payment names"),
        ("99.99", "The number that the payment names, and less is left than is paid"),
    ],
)
def test_what_it_names_comes_first_with_whether_as_much_is_left(
    visit, refused, database, clock, left, words
):
    rows = [("NS-10", "58", left), ("NS-1O", "58", "100.00")]
    tell(database, rows, clock.now() - timedelta(hours=3))
    page = beside(visit, refused)
    assert f"NS-10 RM {left} {words} NS-1O" in page
    assert "More are unpaid" not in page


@pytest.mark.parametrize("number", ["NS-10", "ns 10", "NS-1O"])
def test_what_it_may_mean_is_found_among_many_of_its_party(visit, refused, database, clock, number):
    rows = [*((f"A-{no:04}", "58", "1.00") for no in range(250)), (number, "58", "100.00")]
    tell(database, rows, clock.now() - timedelta(hours=3))
    assert f"Compared with NS-10 {number} RM 100.00" in beside(visit, refused)


def test_the_number_itself_stands_before_other_spellings_of_it(visit, refused, database, clock):
    rows = [(number, "58", "100.00") for number in ("NS 10", "NS-10", "Ns10")]
    tell(database, rows, clock.now() - timedelta(hours=3))
    assert "Compared with NS-10 NS-10 RM 100.00" in beside(visit, refused)


def test_of_a_party_without_any_it_says_so(visit, refused, database, clock):
    tell(database, [("NS-10", "60", "1.00")], clock.now() - timedelta(hours=3))
    page = plain(visit("lim").text(f"/c/kedai/holding/{refused}"))
    assert "No invoice of this customer is unpaid in AiAccount, by what was read" in page


def test_a_list_that_tells_no_parties_does_not_say_that_nothing_is_unpaid(
    visit, refused, database, clock
):
    tell(database, [("NS-11", "", "1.00")], clock.now() - timedelta(hours=3))
    page = plain(visit("lim").text(f"/c/kedai/holding/{refused}"))
    assert "No invoice of this customer is unpaid" not in page


def test_a_hold_that_is_no_refusal_proposes_nothing(visit, refused, database, clock):
    tell(database, [("NS-10", "58", "1.00")], clock.now() - timedelta(hours=3))
    assert "Left to pay" in visit("lim").text(f"/c/kedai/holding/{refused}")
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == refused).values(code="APP01"))
    assert "Left to pay" not in visit("lim").text(f"/c/kedai/holding/{refused}")


def test_a_document_that_pays_nothing_has_no_choices(database):
    with database.read() as session:
        posting = session.scalars(select(Posting.id).where(Posting.content.is_not(None))).first()
        assert list_sources.unpaid_choices(session, posting or 0) is None
        assert list_sources.unpaid_choices(session, 0) is None
