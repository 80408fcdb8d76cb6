"""The pages of an upload: what they show at each step, who may see and do it, what is refused."""

import copy
import io
import json
import re
from datetime import timedelta

import openpyxl
import pytest
from flask import g
from sqlalchemy import event, select

from holding.db.models import Company, Connection, Delivery, Upload, Version
from holding.uploads import file_check, upload_turns
from holding.uploads.submit import claim, still_ours
from holding.uploads.upload_turns import reader, work_due
from portal.uploads import upload_pages
from tests.portal.reading import one, plain
from tests.support.workbooks import HEAD, ITEMS, orders, workbook

pytestmark = pytest.mark.sqlite
LIST = "/c/kedai/uploads"


@pytest.fixture
def work(database, clock):
    """What a worker does until nothing is due."""

    def working():
        with database.read() as session:
            company = (
                session.connection().exec_driver_sql("SELECT id FROM company LIMIT 1").scalar()
            )
        while work_due(database, clock, company_id=company, owner="w", lease_seconds=30).steps:
            pass

    return working


def give(browser, raw, name="orders.xlsx", source="netshop", status=303, kind="order"):
    told = {"file": (io.BytesIO(raw), name), "source": source, "kind": kind}
    answer = browser.post(LIST, told, status=status)
    return answer.headers.get("Location", ""), answer


def test_a_file_is_checked_shown_and_taken(visit, work, database):
    farah = visit("farah")
    url, _ = give(farah, orders(501, 502))
    assert "The file is being checked" in farah.text(url)
    work()
    page = plain(farah.text(url))
    assert "Orders read 2" in page
    assert "New 2 RM 192.00" in page
    assert one(database, "SELECT count(*) FROM record WHERE number LIKE 'SO-50%'") == 0
    farah.post(f"{url}/confirm", {}, status=303)
    assert "0 of 2 orders are in" in plain(farah.text(url))
    work()
    assert "Orders taken 2" in plain(farah.text(url))
    assert one(database, "SELECT count(*) FROM record WHERE number LIKE 'SO-50%'") == 2


def test_a_look_at_a_file_that_is_worked_on_asks_for_nothing_else(visit, work, database):
    """The page asks again and again; sources, of which there may be many, are asked for a form."""
    farah, asked = visit("farah"), []

    def seen(_connection, _cursor, statement, *_):
        asked.append(" ".join(statement.split()))

    def sources(url, **how):
        asked.clear()
        farah.get(url, **how)
        assert any("FROM upload" in one for one in asked)
        return [one for one in asked if "connection.settings" in one]

    url, _ = give(farah, orders(501, 502))
    event.listen(database.engine, "before_cursor_execute", seen)
    assert sources(url, target="uploadstate") == []
    assert len(sources(url)) == 1, "where another file may take its place"
    work()
    farah.post(f"{url}/confirm", {}, status=303)
    assert sources(url, target="uploadstate") == []
    assert sources(url) == []
    event.remove(database.engine, "before_cursor_execute", seen)


def test_what_is_kept_of_a_file_has_a_line_for_each_order(visit, work, database):
    farah = visit("farah")
    url, _ = give(farah, orders(501, 502), name="Jualan é.xlsx")
    work()
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    with database.read() as session:
        kept = session.scalars(select(Delivery).where(Delivery.upload_id.is_not(None))).one()
        records = [
            version.body for version in session.query(Version).filter_by(delivery_id=kept.id)
        ]
    told = json.loads(kept.body)
    assert told["file"] == "Jualan é.xlsx"
    assert told["orders"] == records
    assert [
        json.loads(line.strip(",")) for line in kept.body.decode().splitlines()[1:-1]
    ] == records


def checked(browser, work, raw, **how):
    """The address of a file that was checked."""
    url, _ = give(browser, raw, **how)
    work()
    return url


@pytest.mark.slow
def test_wrong_cells_are_named_with_the_nearest_known_code(visit, work, database):
    farah = visit("farah")
    rows = [
        (1, 1, "TEA-1", "Tea", "BOX", 2, "48.00"),
        (2, 1, "TAE-1", "Tea", "BOX", "two", "48.00"),
        (3, 1, "TAE-1", "Tea", "BXO", 2, "48.00"),
    ]
    heads = [(n, f"SO-{n}", "paid", "2026-11-19", "C-77", "MYR", "96.00") for n in (1, 2, 3)]
    raw = workbook({"Orders": [HEAD, *heads], "Items": [ITEMS, *rows]})
    url = checked(farah, work, raw)
    page = plain(farah.text(url))
    assert "Orders read 3 New 1" in page
    assert "Code not known 1" in page
    assert "With wrong cells 1" in page
    assert "Items!F3 Qty two This is not a number." in page
    assert "Items!C4 Item code TAE-1 This code is not known. TEA-1" in page
    assert "Items!E4 Unit BXO This code is not known. BOX 12 PCS" in page
    assert "1 order on hold until the codes are mapped." in page
    assert "Confirm import of 3 orders" in page
    assert "Without unknown codes: 2 orders" in page

    book = openpyxl.load_workbook(io.BytesIO(farah.get(f"{url}/errors.xlsx").data))
    column = [row[-1].value for row in book["Items"].iter_rows()]
    assert column[:2] == ["Errors", None]
    assert column[2].startswith("F3: Qty “two”. This is not a number.")
    assert "Nearest known: TEA-1" in column[3]
    assert [row[2].value for row in book["Items"].iter_rows()][1:] == ["TEA-1", "TAE-1", "TAE-1"]

    farah.post(f"{url}/confirm", {}, status=303)
    work()
    assert one(database, "SELECT count(*) FROM record WHERE number IN ('SO-1','SO-2','SO-3')") == 2
    assert "Orders with unknown codes were left out." in plain(farah.text(url))
    again = farah.post(f"{url}/again", {}, status=303).headers["Location"]
    work()
    farah.post(f"{again}/confirm", {"unknown": "1"}, status=303)
    work()
    assert one(database, "SELECT count(*) FROM record WHERE number IN ('SO-1','SO-2','SO-3')") == 3
    assert "Orders taken 3 New 1 Changed 0 Same as before 2" in plain(farah.text(again))


def test_the_same_bytes_again_lead_to_the_first_upload(visit, work, database):
    farah, chan = visit("farah"), visit("chan")
    raw = orders(601)
    url = checked(farah, work, raw)
    assert give(farah, raw)[0] == url
    chan.get(url, status=404)  # nobody else sees what is not confirmed
    assert give(chan, raw)[0] != url
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    before = one(database, "SELECT count(*) FROM version")
    location, _ = give(chan, raw, name="copy.xlsx")
    assert location == url
    page = plain(chan.text(url))
    assert re.search(r"copy.xlsx is the file that Farah uploaded on 2026-11-\d\d \d\d:\d\d", page)
    work()
    assert one(database, "SELECT count(*) FROM version") == before


def test_a_cancelled_file_leaves_nothing(visit, work, database):
    farah = visit("farah")
    url = checked(farah, work, orders(611))
    assert farah.post(f"{url}/cancel", {}, status=303).headers["Location"].endswith(LIST)
    assert one(database, "SELECT count(*) FROM upload") == 0
    farah.get(url, status=404)


@pytest.mark.slow
def test_columns_are_chosen_by_hand_and_remembered(visit, work, database):
    farah = visit("farah")
    head = ("Order ID", "Order No", "Our word", "Order date")

    def book(*numbers):
        rows = [(n, f"SO-{n}", "paid", "2026-11-19") for n in numbers]
        lines = [(n, 1, "TEA-1") for n in numbers]
        items = ("Order ID", "Line", "SKU")
        return workbook({"Orders": [head, *rows], "Items": [items, *lines]})

    url = checked(farah, work, book(621))
    page = plain(farah.text(url))
    assert "Some columns are missing" in page
    assert "Orders: Status" in page
    farah.post(f"{url}/columns", {"column:Orders!C": "status", "column:Orders!D": "nothing"})
    work()
    assert "New 1" in plain(farah.text(url))
    assert "Your choice" in farah.text(url)
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    url = checked(farah, work, book(622))
    assert "New 1" in plain(farah.text(url))


def test_a_changed_order_shows_both_values(visit, work):
    farah = visit("farah")
    url = checked(farah, work, orders(631))
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    page = plain(farah.text(checked(farah, work, orders(631, 632, qty=3))))
    assert "New 1" in page
    assert "Changed 1" in page
    assert "SO-631 Quantity, line 1 2 3" in page


@pytest.mark.parametrize(
    ("raw", "name", "said"),
    [
        (b"", "orders.xlsx", "The file is empty"),
        (b"x", "orders.xls", "no .xlsx and no .csv"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(visit, raw, name, said):
    _, answer = give(visit("farah"), raw, name=name, status=422)
    assert said in plain(answer.get_data(as_text=True))


def test_what_is_no_workbook_says_why(visit, work):
    farah = visit("farah")
    page = plain(farah.text(checked(farah, work, b"not a workbook")))
    assert "The file is not an .xlsx workbook." in page
    assert "Nothing was stored" in page


def test_only_who_may_upload_does_and_strangers_see_nothing(visit, work):
    url = checked(visit("farah"), work, orders(641))
    lim = visit("lim")
    assert "Upload and check" in lim.text(LIST)
    give(lim, orders(642), status=403)
    stranger = visit("stranger", "lain")
    for path in (LIST, url, f"{url}/file", f"{url}/errors.xlsx"):
        stranger.get(path, status=404)


def test_who_may_not_upload_is_offered_no_field_to_fill_in_vain(visit, work):
    fields = r'<(?:input|select)[^>]*id="(?:file|source|kind)"[^>]*>'
    for person, off in (("lim", True), ("farah", False)):
        found = re.findall(fields, visit(person).get(LIST).get_data(as_text=True))
        assert len(found) == 3
        assert ["disabled" in one for one in found] == [off] * 3, person


def test_a_file_larger_than_the_limit_is_not_read(visit):
    give(visit("farah"), b"x" * (21 * 1024 * 1024), status=413)


def test_nobody_else_decides_about_a_preview(visit, work, database):
    url = checked(visit("farah"), work, orders(651))
    chan = visit("chan")
    for act in ("confirm", "cancel", "columns"):
        chan.post(f"{url}/{act}", {}, status=404)
    assert one(database, "SELECT state FROM upload") == "checked"


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["one", "none", "old"])
def test_an_import_that_was_cut_off_goes_on_behind_the_last_part(
    visit, work, database, monkeypatch, memory
):
    farah = visit("farah")
    url = checked(farah, work, orders(661, 662, 663))
    farah.post(f"{url}/confirm", {}, status=303)
    monkeypatch.setattr(upload_turns, "UPLOAD_ORDERS", 1)
    monkeypatch.setattr(upload_turns, "SLICE_SECONDS", -1.0)
    kept = {"one": {}, "none": Forgetful(), "old": Outdated()}  # of one process, or of others
    monkeypatch.setattr(upload_turns, "_read", kept[memory])
    work()
    page = plain(farah.text(url))
    assert "Orders taken 3 New 3 Changed 0 Same as before 0" in page
    assert one(database, "SELECT count(*) FROM delivery WHERE upload_id IS NOT NULL") == 3
    assert one(database, "SELECT sum(times) FROM delivery WHERE upload_id IS NOT NULL") == 3


@pytest.mark.parametrize(("readings", "read"), [(0, 3), (4, 1)])
def test_who_had_to_read_the_file_takes_more_of_it_in_at_once(
    visit, work, database, clock, monkeypatch, readings, read
):
    """The next turn may be that of another process, which reads all of it again."""
    farah = visit("farah")
    url = checked(farah, work, orders(671, 672, 673))
    farah.post(f"{url}/confirm", {}, status=303)
    monkeypatch.setattr(upload_turns, "UPLOAD_ORDERS", 1)
    monkeypatch.setattr(upload_turns, "SLICE_SECONDS", -1.0)
    monkeypatch.setattr(upload_turns, "READINGS", readings)
    monkeypatch.setattr(upload_turns, "_read", Forgetful())
    times, real = [], upload_turns._Orders

    def reading(*given):
        times.append(clock.advance(10))
        return real(*given)

    monkeypatch.setattr(upload_turns, "_Orders", reading)
    work()
    assert one(database, "SELECT state FROM upload") == "done"
    assert len(times) == read


class Forgetful(dict):
    """A memory of nothing."""

    def get(self, key, default=None):
        return default


class Outdated(dict):
    """A memory of the beginning: another process went on with the file."""

    def __setitem__(self, key, value):
        super().__setitem__(key, copy.copy(value))

    def get(self, key, default=None):
        found = super().get(key, default)
        if found is not None:
            found.taken, found.part, found.behind = 0, [], []
        return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seen"), [("chan", False), ("farah", True)])
def test_stored_personal_values_are_only_for_who_may_see_them(visit, work, name, seen):
    who = visit(name)

    def book(customer, tin, total):
        head = (*HEAD, "Customer name", "TIN")
        row = (671, "SO-671", "paid", "2026-11-19", "C-77", "MYR", total, customer, tin)
        line = (671, 1, "TEA-1", "Tea", "BOX", 2, "48.00")
        return workbook({"Orders": [head, row], "Items": [ITEMS, line]})

    url = checked(visit("farah"), work, book("Wong Mei", "IG77", "96.00"))
    visit("farah").post(f"{url}/confirm", {}, status=303)
    work()
    page = plain(who.text(checked(who, work, book("Chong Wei", "IG78", "97.00"))))
    assert ("Wong Mei" in page, "IG77" in page) == (seen, seen)
    stored = ("Wong Mei", "IG77") if seen else ("•••", "•••")
    for before, after in zip((*stored, "96.00"), ("Chong Wei", "IG78", "97.00"), strict=True):
        assert f"{before} {after}" in page


@pytest.fixture
def taken(database, clock):
    """A turn at the file that waits, as a worker takes it."""

    def taking(owner="w"):
        with database.write() as session:
            company = session.scalar(select(Upload.company_id))
            turn = claim(session, company, owner, clock.now(), timedelta(seconds=30))
        assert turn is not None
        return turn

    return taking


def test_the_check_of_a_cancelled_file_says_nothing_of_the_next_one(visit, taken, database):
    url, _ = give(visit("farah"), orders(681))
    old = taken()
    visit("farah").post(f"{url}/cancel", {}, status=303)
    assert give(visit("chan"), orders(682))[0] == url  # its number is used again
    new = taken()
    assert old.fence == new.fence
    with database.write() as session:
        assert still_ours(session, old) is None
        assert still_ours(session, new) is not None


def test_a_choice_of_columns_ends_a_check_that_runs(visit, taken, work, database):
    farah = visit("farah")
    url, _ = give(farah, orders(691))
    turn = taken()
    farah.post(f"{url}/columns", {}, status=303)
    with database.write() as session:
        assert still_ours(session, turn) is None
    work()
    assert "New 1" in plain(farah.text(url))


def test_odd_currencies_are_not_summed_and_that_is_said(visit, work, database, monkeypatch):
    monkeypatch.setattr(file_check, "CURRENCIES", 3)
    farah = visit("farah")
    words = ["MYR", "SGD", "EURO", "", "usd", "USD", "SGD"]
    heads = [
        (n, f"SO-{n}", "paid", "2026-11-19", "C-77", word, "96.00")
        for n, word in enumerate(words, 701)
    ]
    lines = [(n, 1, "TEA-1", "Tea", "BOX", 2, "48.00") for n in range(701, 708)]
    book = workbook({"Orders": [HEAD, *heads], "Items": [ITEMS, *lines]})
    page = plain(farah.text(checked(farah, work, book)))
    assert re.search(r"New 7 RM 192.00 \+ SGD 192.00 ", page)
    assert "The amounts of 3 orders are not in these sums" in page
    clean = plain(farah.text(checked(farah, work, orders(708))))
    assert "not in these sums" not in clean


@pytest.mark.slow
def test_one_workbook_with_errors_is_written_at_a_time_and_without_a_snapshot(
    visit, work, monkeypatch
):
    farah = visit("farah")
    url = f"{checked(farah, work, orders(711, qty='two'))}/errors.xlsx"
    known, answers = reader(), []

    class Nested:
        """The reader; while it reads, somebody else asks for the workbook."""

        fields, with_errors = known.fields, known.with_errors

        def upload(self, *told):
            assert "reading" not in g
            answers.append(visit("farah").get(url, status=503))
            return known.upload(*told)

    monkeypatch.setattr(upload_pages, "reader", Nested)
    assert farah.get(url, status=200).data.startswith(b"PK")
    [busy] = answers
    assert "Another workbook with errors is being written" in plain(busy.get_data(as_text=True))
    assert busy.headers["Retry-After"] == "20"

    monkeypatch.setattr(upload_pages, "reader", lambda: 1 / 0)
    farah.get(url, status=500)
    monkeypatch.undo()
    farah.get(url, status=200)  # whatever became of it, the next one has its turn
    for _ in range(2):
        farah.get(url, status=200)
    assert farah.get(url, status=429).headers["Retry-After"]


def test_a_file_without_errors_has_no_workbook_of_them(visit, work):
    farah = visit("farah")
    farah.get(f"{checked(farah, work, orders(721))}/errors.xlsx", status=404)


SETTLED = "Settlement no,Status,Blogger,Settlement date,Commission\n"


def test_a_file_of_another_kind_is_read_as_that_and_its_days_are_asked_for_once(
    visit, work, database
):
    farah = visit("farah")
    form = plain(farah.text(LIST))
    assert "What is in it Order Refund Delivery Purchase Settlement Payout" in form
    raw = (SETTLED + "ST-901,approved,B-1,05/06/2026,5.00\n").encode()
    url = checked(farah, work, raw, name="a.csv", kind="settlement")
    page = plain(farah.text(url))
    assert "05/06/2026 can be read in more than one way." in page
    assert "The first: 2026-06-05" in page
    assert "The second: 2026-05-06" in page
    assert "Nothing is counted before the days are known." in page
    assert "Records read" not in page
    farah.post(f"{url}/confirm", {}, status=422)
    farah.post(f"{url}/days", {"days": "week"}, status=400)

    farah.post(f"{url}/days", {"days": "day"}, status=303)
    work()
    page = plain(farah.text(url))
    assert "Days are read with the day first, as 31/12/2026. Read the month first" in page
    assert "Records read 1 New 1" in page
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    assert "Records taken 1" in plain(farah.text(url))
    found = one(database, "SELECT body FROM version WHERE body LIKE '%ST-901%'")
    assert '"settled_on":"2026-06-05"' in str(found).replace(" ", "")

    raw = (SETTLED + "ST-902,approved,B-1,07/06/2026,5.00\n").encode()
    url = checked(farah, work, raw, name="b.csv", kind="settlement")
    page = plain(farah.text(url))
    assert "Records read 1 New 1" in page, "the answer is that of the headings"
    assert "Days are read with the day first" in page
    farah.post(f"{url}/days", {"days": "month"}, status=303)
    work()
    assert "Days are read with the month first" in plain(farah.text(url))

    raw = (SETTLED + "ST-903,approved,B-1,26/06/07,5.00\n").encode()
    url = checked(farah, work, raw, name="c.csv", kind="settlement")
    page = plain(farah.text(url))
    assert "26/06/07 can be read in more than one way." in page, "no answer of before fits"
    assert "The first: 2007-06-26 The third: 2026-06-07" in page
    farah.post(f"{url}/days", {"days": "year"}, status=303)
    work()
    page = plain(farah.text(url))
    assert "Days are read with the year first, as 26/12/31. Read the day first" in page
    assert "Records read 1 New 1" in page


def test_the_same_bytes_may_be_given_in_as_another_kind(visit, work):
    farah = visit("farah")
    raw = b"Number,Status,Blogger\nX-1,paid,B-1\n"
    url = checked(farah, work, raw, name="x.csv", kind="settlement")
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    again, _ = give(farah, raw, name="x.csv", kind="settlement")
    other = checked(farah, work, raw, name="x.csv", kind="payout")
    assert (again == url, other == url) == (True, False)
    assert "Records read 1 New 1" in plain(farah.text(other))


def test_a_kind_that_the_source_does_not_bring_is_refused(visit):
    farah = visit("farah")
    _, answer = give(farah, b"x", name="x.csv", kind="arrival", status=422)
    assert "That source takes no files of such records." in answer.get_data(as_text=True)


@pytest.mark.slow
def test_what_was_chosen_for_one_kind_is_nothing_to_another(visit, work):
    farah = visit("farah")
    heads = ("Number", "Status", "Money in")

    def book(number):
        return workbook({"Data": [heads, (number, "paid", "MYR")]})

    url = checked(farah, work, book("X-1"), kind="settlement")
    farah.post(f"{url}/columns", {"column:Data!C": "currency"}, status=303)
    work()
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    mark = "Your choice</td>"
    assert mark in farah.text(checked(farah, work, book("X-2"), kind="settlement"))
    assert mark not in farah.text(checked(farah, work, book("X-3"), kind="order_payment"))


PAID = "Payout no,Status,Currency,Net,Line,Line ID,Kind of entry,Order number,Amount\n"


def payouts(*numbers, sales=2, part="sale"):
    lines = [
        f"PO-{n},paid,MYR,10.00,{pos},{n}-{pos},{part},SO-{pos},5.00\n"
        for n in numbers
        for pos in range(1, sales + 1)
    ]
    return (PAID + "".join(lines)).encode()


@pytest.mark.parametrize("memory", ["one", "none", "old"])
def test_a_payout_and_its_payments_go_in_together_however_often_it_is_cut_off(
    visit, work, database, monkeypatch, memory
):
    farah = visit("farah")
    url = checked(farah, work, payouts(1, 2, 3), name="p.csv", kind="payout")
    page = plain(farah.text(url))
    assert "Records read 9 New 9 RM 30.00" in page, "what is paid of orders is not summed again"
    assert "Payments of orders among these records: 6." in page
    farah.post(f"{url}/confirm", {}, status=303)
    assert "0 of 9 records are in" in plain(farah.text(url))
    monkeypatch.setattr(upload_turns, "UPLOAD_ORDERS", 2)
    monkeypatch.setattr(upload_turns, "SLICE_SECONDS", -1.0)
    kept = {"one": {}, "none": Forgetful(), "old": Outdated()}
    monkeypatch.setattr(upload_turns, "_read", kept[memory])
    work()
    assert "Records taken 9 New 9 Changed 0 Same as before 0" in plain(farah.text(url))
    with database.read() as session:
        kept = [json.loads(one) for one in session.scalars(
            select(Delivery.body).where(Delivery.upload_id.is_not(None)).order_by(Delivery.id)
        )]  # fmt: skip
    assert [[len(one[kind]) for kind in ("payouts", "order_payments")] for one in kept] == [
        [1, 2]
    ] * 3
    assert one(database, "SELECT sum(times) FROM delivery WHERE upload_id IS NOT NULL") == 3


def test_what_a_payout_lacks_is_said_and_its_payments_are_compared_one_by_one(
    visit, work, database
):
    """A file that came in while payments did not come of files, checked again."""
    farah = visit("farah")
    first = checked(farah, work, payouts(1), name="p.csv", kind="payout")
    unnamed = payouts(1).replace(b"Line ID", b"Something")
    left_out = {"column:payouts!F": ""}
    farah.post(f"{first}/columns", left_out, status=303)
    work()
    page = plain(farah.text(first))
    assert "Records read 1 New 1" in page
    assert "To bring these, too, choose columns below for: Line ID." in page
    farah.post(f"{first}/columns", {"column:payouts!F": "line_id"}, status=303)
    work()
    farah.post(f"{first}/confirm", {}, status=303)
    work()
    url = checked(farah, work, payouts(1) + b"\n", name="p.csv", kind="payout")
    page = plain(farah.text(url))
    assert "Records read 3 New 0 Changed 0 Same as before 3" in page
    farah.post(f"{url}/confirm", {}, status=422)
    url = checked(farah, work, payouts(1, sales=3), name="p.csv", kind="payout")
    page = plain(farah.text(url))
    assert "Records read 4 New 1" in page
    assert "Changed 1" in page
    farah.post(f"{url}/confirm", {}, status=303)
    work()
    page = plain(farah.text(checked(farah, work, unnamed, name="q.csv", kind="payout")))
    assert "To bring these, too, choose columns below for: Line ID." in page
    assert "withdrawn" not in page, "it says nothing of sales"


def test_a_source_without_payments_of_orders_takes_the_payouts_alone(visit, work, database):
    with database.write() as session:
        company = session.scalars(select(Company.id).where(Company.code == "kedai"))
        source = session.query(Connection).filter_by(name="netshop", company_id=company.one()).one()
        source.settings = {**source.settings, "record_kinds": "payout"}
    farah = visit("farah")
    url = checked(farah, work, payouts(1, part="Charge"), name="p.csv", kind="payout")
    page = plain(farah.text(url))
    assert "Records read 1 New 1" in page
    assert "ayments of orders" not in page
