"""QuickBooks' stand-in itself: what it takes, refuses, remembers, and shows in a query."""

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from sandbox.simulators.base.server import Ledger, Request
from sandbox.simulators.quickbooks.api import Api
from sandbox.simulators.quickbooks.books import Books, default_companies

ROOT = "/v3/company/9130347"
FIRST = "Bearer qbo-access-7Wd2-0"


@pytest.fixture
def sim(emptied):
    return emptied("quickbooks")


def call(sim, method, path, body=None, token=FIRST, **query):
    return requests.request(
        method,
        f"{sim.url}{path if path.startswith('/') else f'{ROOT}/{path}'}",
        json=body,
        params=query,
        headers={"Authorization": token},
        timeout=10,
    )


def row(amount="99.00", qty="2", price="49.50", **detail):
    inner = {"ItemRef": {"value": "11"}, "TaxCodeRef": {"value": "5"}, **detail}
    numbers = {"Qty": float(qty), "UnitPrice": float(price)}
    kind = "SalesItemLineDetail"
    return {"Amount": float(amount), "DetailType": kind, kind: {**inner, **numbers}}


def invoice(number="NS-1", **changed):
    plain = {
        "DocNumber": number,
        "TxnDate": "2026-11-19",
        "CustomerRef": {"value": "58"},
        "GlobalTaxCalculation": "TaxExcluded",
        "PrivateNote": "10231",
        "CustomerMemo": {"value": "Thank you"},
        "Line": [row()],
    }
    return {name: value for name, value in {**plain, **changed}.items() if value is not None}


def payment(of, amount, **changed):
    linked = {"Amount": amount, "LinkedTxn": [{"TxnId": of, "TxnType": "Invoice"}]}
    plain = {"CustomerRef": {"value": "58"}, "TotalAmt": amount, "PaymentRefNum": "RC-1"}
    return {**plain, "TxnDate": "2026-11-19", "Line": [linked], **changed}


def made(sim, body=None, path="invoice", **query):
    answer = call(sim, "POST", path, body or invoice(), **query)
    assert answer.status_code == 200, answer.text
    return next(one for one in answer.json().values() if isinstance(one, dict))


def code(answer):
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["Fault"]["Error"]
    return error["code"]


def test_it_adds_tax_by_rate_and_every_answer_has_an_id(sim):
    lines = [row("10.05", "1", "10.05"), row("10.05", "1", "10.05")]
    answer = call(sim, "POST", "invoice", invoice(Line=lines))
    told = answer.json()["Invoice"]
    assert (told["TotalAmt"], told["Balance"], told["SyncToken"]) == (22.11, 22.11, "0")
    assert [one["DetailType"] for one in told["Line"]][-1] == "SubTotalLineDetail"
    assert answer.headers["intuit_tid"]
    assert told["CurrencyRef"] == {"value": "MYR"}


def test_it_tells_the_name_of_a_customer_whatever_was_sent(sim):
    """Clients name the id; the name beside it is that of now, and none where the list has none."""
    sent = invoice(CustomerRef={"value": "58", "name": "Somebody else"})
    first = made(sim, sent)
    assert first["CustomerRef"] == {"value": "58", "name": "Kedai Maju Sdn. Bhd."}
    sim.control("company", lists={"Customer": {"58": "Kedai Maju (KL)"}})
    shown = call(sim, "GET", f"invoice/{first['Id']}").json()["Invoice"]
    assert shown["CustomerRef"] == {"value": "58", "name": "Kedai Maju (KL)"}
    sim.control("company", lists={"Customer": {"58": ""}})
    shown = call(sim, "GET", f"invoice/{first['Id']}").json()["Invoice"]
    assert shown["CustomerRef"] == {"value": "58"}


def test_a_request_id_is_answered_once_and_again(sim):
    first = made(sim, requestid="cp-1")
    again = made(sim, invoice("NS-2"), requestid="cp-1")
    assert again == first, "the first answer, even to another body"
    assert len(sim.show("documents")) == 1
    sim.control("clock", offset_seconds=25 * 3600)
    assert made(sim, invoice("NS-3"), requestid="cp-1")["DocNumber"] == "NS-3", "forgotten by now"


def test_what_is_changed_must_be_as_it_was_read(sim):
    first = made(sim)
    named = {"Id": first["Id"], "SyncToken": "0"}
    sparse = made(sim, {**named, "sparse": True, "PrivateNote": "v4"})
    assert (sparse["SyncToken"], sparse["PrivateNote"]) == ("1", "v4")
    assert sparse["CustomerMemo"] == {"value": "Thank you"}
    assert code(call(sim, "POST", "invoice", {**named, "sparse": True})) == "5010"
    whole = made(sim, invoice(Id=first["Id"], SyncToken="1", CustomerMemo=None))
    assert "CustomerMemo" not in whole, "a full update empties what it does not name"
    assert code(call(sim, "POST", "invoice", {"Id": "9999", "SyncToken": "0"})) == "610"


def test_void_leaves_it_there_without_amounts(sim):
    first = made(sim)
    named = {"Id": first["Id"], "SyncToken": "0"}
    void = made(sim, named, operation="void")
    assert (void["TotalAmt"], void["Balance"], void["PrivateNote"]) == (0, 0, "Voided 10231")
    assert void["Line"][0]["SalesItemLineDetail"]["Qty"] == 0
    assert sim.ledger("voided")[-1]["number"] == "NS-1"
    assert code(call(sim, "POST", "payment", payment(first["Id"], 1.0))) == "6000"


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"CustomerRef": None}, "2020"),
        ({"Line": []}, "2020"),
        ({"DocNumber": "N" * 22}, "2050"),
        ({"GlobalTaxCalculation": "Excluded"}, "2170"),
        ({"TxnDate": "19/11/2026"}, "2010"),
        ({"CustomerRef": {"value": "61"}}, "2500"),
        ({"Line": [row(ItemRef={"value": "99"})]}, "2500"),
        ({"GlobalTaxCalculation": None}, "6000"),
        ({"Line": [row(TaxCodeRef=None)]}, "6000"),
        ({"Line": [row("98.99")]}, "6070"),
        ({"DocNumber": "NS-0"}, "6140"),
        ({"TxnDate": "2026-09-30"}, "6210"),
    ],
)
def test_what_it_refuses(sim, changed, wanted):
    made(sim, invoice("NS-0"))
    sim.control("lock", through="2026-09-30")
    assert code(call(sim, "POST", "invoice", invoice(**changed))) == wanted
    assert len(sim.show("documents")) == 1


def test_a_number_may_be_used_twice_where_nobody_looks_and_the_words_have_a_language(sim):
    first = made(sim)
    sim.control("company", language="fr")
    (error,) = call(sim, "POST", "invoice", invoice()).json()["Fault"]["Error"]
    assert error["Message"] == "Numéro de document en double"
    assert error["Detail"].endswith(f"TxnType=Facture with TxnId={first['Id']}")
    sim.control("company", duplicate_check=False)
    assert made(sim)["DocNumber"] == "NS-1"
    asked = call(sim, "GET", "query", query="select * from Invoice where DocNumber = 'NS-1'")
    assert asked.json()["QueryResponse"]["maxResults"] == 2


def test_what_was_made_inactive_deposited_or_ended(sim):
    first = made(sim)
    sim.control("by_hand", number="NS-1", deposited=True)
    named = {"Id": first["Id"], "SyncToken": "1", "sparse": True}
    assert code(call(sim, "POST", "invoice", named)) == "6540"
    sim.control("company", inactive={"Item": ["11"]})
    assert code(call(sim, "POST", "invoice", invoice("NS-2"))) == "610"
    sim.control("company", ended=True)
    assert code(call(sim, "GET", "preferences")) == "6190"


def test_a_payment_pays_what_is_open_and_no_more(sim):
    first = made(sim)
    paid = made(sim, payment(first["Id"], 100.0), "payment")
    assert paid["UnappliedAmt"] == 0
    shown = call(sim, "GET", f"invoice/{first['Id']}").json()["Invoice"]
    assert shown["Balance"] == pytest.approx(8.90)
    assert code(call(sim, "POST", "payment", payment(first["Id"], 8.91))) == "6000"
    other = payment(first["Id"], 1.0, CustomerRef={"value": "59"})
    assert code(call(sim, "POST", "payment", other)) == "6000"
    assert code(call(sim, "POST", "payment", payment("9999", 1.0))) == "610"
    assert code(call(sim, "POST", "payment", payment(first["Id"], 2.0, TotalAmt=1.0))) == "6000"


def test_a_bill_is_paid_from_an_account_that_is_named(sim):
    expense = {"AccountRef": {"value": "81"}, "TaxCodeRef": {"value": "3"}}
    kind = "AccountBasedExpenseLineDetail"
    line = {"Amount": 10.0, "DetailType": kind, kind: expense}
    bill = {"VendorRef": {"value": "77"}, "GlobalTaxCalculation": "TaxExcluded", "Line": [line]}
    of = made(sim, bill, "bill")["Id"]
    paid = {"VendorRef": {"value": "77"}, "TotalAmt": 10.0, "PayType": "Check", "DocNumber": "BP-1"}
    paid["Line"] = [{"Amount": 10.0, "LinkedTxn": [{"TxnId": of, "TxnType": "Bill"}]}]
    assert code(call(sim, "POST", "billpayment", paid)) == "2020"
    paid["CheckPayment"] = {"BankAccountRef": {"value": "35"}}
    assert made(sim, paid, "billpayment")["UnappliedAmt"] == 0
    assert call(sim, "GET", f"bill/{of}").json()["Bill"]["Balance"] == 0
    assert code(call(sim, "POST", "billpayment", {**paid, "DocNumber": "BP-2"})) == "6000"


def test_a_query_has_conditions_and_pages(sim):
    for at in range(5):
        made(sim, invoice(f"O'N-{at}", TxnDate=f"2026-11-1{at}"))

    def numbers(text):
        told = call(sim, "GET", "query", query=f"select * from Invoice{text}").json()
        return [one["DocNumber"][4:] for one in told["QueryResponse"].get("Invoice", ())]

    assert numbers(" where DocNumber = 'O\\'N-3'") == ["3"]
    assert numbers(" where DocNumber in ('O\\'N-1', 'O\\'N-4')") == ["1", "4"]
    days = " where TxnDate >= '2026-11-11' and TxnDate < '2026-11-14' and CustomerRef = '58'"
    assert numbers(days) == ["1", "2", "3"]
    assert numbers(" where DocNumber like 'O\\'N%' startposition 4 maxresults 1") == ["3"]
    assert numbers(" where TotalAmt > '99' and Balance <= '108.9'") == ["0", "1", "2", "3", "4"]
    assert numbers(" where TotalAmt = '108.9' and Balance > '108.9'") == []
    assert numbers(" where TotalAmt <= 'a lot'") == []
    nothing = call(sim, "GET", "query", query="select * from Invoice where DocNumber = 'X'")
    assert nothing.json()["QueryResponse"] == {}
    wrong = call(sim, "GET", "query", query="select DocNumber from Invoice where")
    assert code(wrong) == "4000"
    sim.control("company", not_queryable={"Invoice": ["TotalAmt"]})
    asked = call(sim, "GET", "query", query="select * from Invoice where TotalAmt = '108.9'")
    assert code(asked) == "4001"
    assert numbers(" where CustomerRef = '58'") == ["0", "1", "2", "3", "4"]
    accounts = call(sim, "GET", "query", query="select * from Account").json()["QueryResponse"]
    assert "35" in {one["Id"] for one in accounts["Account"]}


def test_tokens_are_exchanged_and_can_be_revoked(sim):
    def exchange(refresh, secret="qbo-client-3Rk9"):
        basic = base64.b64encode(f"AB-clearpost-app:{secret}".encode()).decode()
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        headers = {"Authorization": f"Basic {basic}"}
        address = f"{sim.url}/oauth2/v1/tokens/bearer"
        return requests.post(address, data=form, headers=headers, timeout=10)

    assert exchange("qbo-refresh-5Mx8-0", "wrong-one").status_code == 401
    told = exchange("qbo-refresh-5Mx8-0").json()
    assert told["refresh_token"] == "qbo-refresh-5Mx8-1"
    assert exchange("qbo-refresh-5Mx8-0").json()["refresh_token"] == "qbo-refresh-5Mx8-2"
    assert exchange("qbo-refresh-5Mx8-3").json()["error"] == "invalid_grant"
    token = f"Bearer {told['access_token']}"
    assert call(sim, "GET", "preferences", token=token).status_code == 200
    sim.control("clock", offset_seconds=3601)
    late = call(sim, "GET", "preferences", token=token)
    assert (late.status_code, late.json()["fault"]["error"][0]["code"]) == (401, "3200")
    sim.control("clock", offset_seconds=86_401)
    assert exchange("qbo-refresh-5Mx8-1").json()["error"] == "invalid_grant", "a day after the next"
    assert exchange("qbo-refresh-5Mx8-2").json()["refresh_token"] == "qbo-refresh-5Mx8-3"
    sim.control("revoke")
    assert exchange("qbo-refresh-5Mx8-3").json()["error"] == "invalid_grant"
    assert "qbo-access" not in sim.ledger_path.read_text()


def test_other_companies_are_closed_and_calls_are_counted(sim, start):
    assert call(sim, "GET", "/v3/company/9130999/preferences").status_code == 403
    small = start("--calls-a-minute", "2", target="quickbooks")
    told = [call(small, "GET", "preferences").status_code for _ in range(4)]
    assert 429 in told
    error = call(small, "GET", "preferences").json()["fault"]["error"][0]
    assert error["message"] == "message=ThrottleExceeded; errorCode=003001; statusCode=429"


def test_after_a_kill_everything_is_as_it_was(start):
    sim = start("--closed-through", "2026-09-30", target="quickbooks")
    first = made(sim, requestid="cp-1")
    made(sim, {"Id": first["Id"], "SyncToken": "0"}, operation="void")
    sim.control("faults", plan=["timeout_after", "slow"])
    with pytest.raises(requests.ConnectionError):
        call(sim, "POST", "invoice", invoice("NS-2"))
    before = sim.show("documents")
    sim.kill()
    with sim.ledger_path.open("ab") as file:
        file.write(b'{"seq": 99, "call": "wri')
    sim.start()
    assert sim.show("documents") == before
    assert sim.show_plan() == ["slow"]
    assert made(sim, requestid="cp-1") == first
    assert Decimal(made(sim, invoice("NS-3"))["Id"]) > Decimal(before[-1]["Id"])


class Nested:
    """A clock in which waiting is another call, so that many are under way at once."""

    def __init__(self):
        self.told = []

    def now(self):
        return datetime(2026, 11, 20, 1, tzinfo=UTC)

    def monotonic(self):
        return 0.0

    def sleep(self, _seconds):
        self.told.append(self.call().status)

    def call(self):
        headers = {"authorization": FIRST, "x-sim-fault": "slow"}
        path = f"{ROOT}/invoice"
        return self.api.handle(
            Request(method="POST", path=path, query={}, headers=headers, body=b"{}")
        )


def test_ten_calls_at_once_and_no_more(tmp_path):
    clock = Nested()
    day = timedelta(days=1)
    companies = default_companies(closed_through=None)
    books = Books(
        companies=companies, remember=day, token_life=day, stale_life=day, withhold=0, seed=0
    )
    clock.api = Api(books, Ledger(tmp_path / "ledger"), clock, hang=1, a_minute=500)
    assert clock.call().status == 400
    assert clock.told == [429, *[400] * 9]


def batch(sim, *items, **query):
    return call(sim, "POST", "batch", {"BatchItemRequest": list(items)}, **query)


def item(key, body, entity="Invoice", operation="create"):
    return {"bId": key, "operation": operation, entity: body}


def told_by(answer):
    """What each item of a batch was answered: its entity or query, or the code of its fault."""
    assert answer.status_code == 200, answer.text
    return {
        one["bId"]: one["Fault"]["Error"][0]["code"]
        if "Fault" in one
        else next(name for name in one if name != "bId")
        for one in answer.json()["BatchItemResponse"]
    }


def test_a_batch_is_done_item_by_item_and_queries_are_answered_in_it(sim):
    ask = {"bId": "q", "Query": "select * from Invoice where DocNumber = 'NS-1'"}
    twice = item("b", invoice())
    answer = batch(sim, item("a", invoice()), twice, ask, item("c", invoice("NS-2")))
    wanted = {"a": "Invoice", "b": "6140", "q": "QueryResponse", "c": "Invoice"}
    assert told_by(answer) == wanted
    assert [one["DocNumber"] for one in sim.show("documents")] == ["NS-1", "NS-2"]


def test_items_of_a_batch_do_not_see_each_other(sim):
    paid = made(sim)["Id"]
    new = str(int(paid) + 1)
    answer = batch(
        sim,
        item("a", invoice("NS-2")),
        item("b", payment(new, 10.0), "Payment"),
        item("c", payment(paid, 10.0), "Payment"),
    )
    assert told_by(answer) == {"a": "Invoice", "b": "610", "c": "Payment"}


def test_what_is_no_create_is_refused_in_a_batch(sim):
    first = made(sim)
    known = {"Id": first["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "v4"}
    answer = batch(
        sim,
        item("a", known, operation="update"),
        item("b", known),
        item("c", {}, "Customer"),
        item("d", invoice("NS-2")),
        item("e", invoice("NS-3"), operation="update"),
    )
    wanted = {"a": "2010", "b": "2010", "c": "2010", "d": "Invoice", "e": "2010"}
    assert told_by(answer) == wanted


def test_a_batch_has_limits_as_a_whole(sim):
    items = [item(f"i{at}", invoice(f"NS-{at}")) for at in range(11)]
    assert code(batch(sim, *items)) == "2010"
    assert code(batch(sim)) == "2010"
    assert code(batch(sim, items[0], requestid="x" * 37)) == "2010"
    assert code(batch(sim, items[0], items[0])) == "2010"
    assert code(batch(sim, {**items[0], "bId": "i" * 11})) == "2010"
    assert code(batch(sim, {**items[0], "bId": ""})) == "2010"
    assert sim.show("documents") == []
    good = [*items[:9], {**items[9], "bId": "i" * 10}]
    assert set(told_by(batch(sim, *good, requestid="x" * 36)).values()) == {"Invoice"}


def test_a_batch_is_remembered_as_a_whole(sim):
    first = batch(sim, item("a", invoice()), item("b", invoice()), requestid="cp-1")
    again = batch(sim, item("a", invoice("NS-9")), requestid="cp-1")
    assert again.json() == first.json()
    assert sim.ledger()[-1]["effect"] == "replayed"
    assert len(sim.show("documents")) == 1


def test_of_an_item_that_was_lost_nothing_is_remembered(sim):
    sim.control("faults", fault="item_lost")
    both = (item("a", invoice()), item("b", invoice("NS-2")))
    assert told_by(batch(sim, *both, requestid="cp-1")) == {"a": "Invoice"}
    assert told_by(batch(sim, *both, requestid="cp-1")) == {"a": "6140", "b": "Invoice"}


class Still:
    """A clock that stands still until it is set."""

    moment = datetime(2026, 11, 20, 2, 0, 59, tzinfo=UTC)

    def now(self):
        return self.moment


def test_it_takes_40_batches_in_a_minute(tmp_path):
    day, clock = timedelta(days=1), Still()
    books = Books(
        companies=default_companies(closed_through=None),
        remember=day,
        token_life=day,
        stale_life=day,
        withhold=0,
        seed=0,
    )
    api = Api(books, Ledger(tmp_path / "ledger"), clock, hang=1, a_minute=500)
    one = Request(
        method="POST",
        path=f"{ROOT}/batch",
        query={},
        headers={"authorization": FIRST},
        body=b'{"BatchItemRequest":[{"bId":"a","Query":"select * from Term"}]}',
    )
    assert [api.handle(one).status for _ in range(41)] == [*[200] * 40, 429]
    clock.moment += timedelta(seconds=1)
    assert api.handle(one).status == 200
