"""Hold QuickBooks' books: documents, lists, answers by request id, tokens, planned faults."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from connectors.transport.strict_json import loads
from sandbox.simulators.base.server import Act, Reply, Request, Scripted, last_day

REALM, OTHER_REALM = "9130347", "9130999"

CLIENT_ID, CLIENT_SECRET = "AB-clearpost-app", "qbo-client-3Rk9"

ACCESS, REFRESH, CODE = "qbo-access-7Wd2", "qbo-refresh-5Mx8", "qbo-code-4Hs6"
"""How a token begins, or a code; its number follows."""

Names = dict[str, str]

EFFECTS = frozenset({"created", "updated", "voided", "by_hand", "deleted"})

_SWITCHES = (
    "duplicate_check",
    "taxed",
    "ended",
    "shut",
    "custom_numbers",
    "multi_currency",
    "fields_by_name",
    "names_inactive",
    "negative_totals",
    "tax_as_sent",
    "inclusive_as_gross",
    "any_currency",
    "other_totals",
)

Place = tuple[str, str, str]

Shown = Mapping[str, Any]

AUTHORIZE: Final = "/connect/oauth2"

TOKENS: Final = "/oauth2/v1/tokens/bearer"

REVOKE: Final = "/v2/oauth2/tokens/revoke"

PATHS: Final = frozenset({AUTHORIZE, TOKENS, REVOKE})

CODE_LIFE = timedelta(minutes=10)

_SCOPE = "com.intuit.quickbooks.accounting"

_A_HUNDRED_DAYS = 8_640_000

_ASKED = ("client_id", "response_type", "scope", "redirect_uri", "state")

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<link rel="icon" href="data:,"></head>
<body><h1>{title}</h1>{inner}</body></html>"""

_FORM = """<p>Clearpost asks to read and write the books of a company.</p>
<form method="post" action="{path}">{hidden}<p><label for="realm">Company</label>
<select id="realm" name="realm">{companies}</select></p>
<p><button id="connect" name="answer" value="connect">Connect</button>
<button id="cancel" name="answer" value="cancel">Cancel</button></p></form>"""

_REGISTER = """<p>At Intuit you would enter the address at developer.intuit.com, among the redirect
addresses of the app.</p><form method="post" action="{path}">{hidden}
<p><button id="register" name="answer" value="register">Register {address}</button></p></form>"""

_NOT_REGISTERED = "The redirect_uri query parameter value is invalid."

Told = dict[str, Any]

_SALES, _BOUGHT = "SalesItemLineDetail", "AccountBasedExpenseLineDetail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An entity: its path, our word for the ledger, and its required fields.

    `detail` is the shape of its lines; blank for a payment that is applied to other documents.
    """

    entity: str
    path: str
    type: str
    party: str
    required: tuple[str, ...] = ()
    detail: str = ""
    number: str = "DocNumber"
    voids: bool = False
    balance: bool = False
    due: bool = False  # it has terms, and a day by which it is paid


KINDS: Mapping[str, Kind] = {
    kind.path: kind
    for kind in (
        Kind(
            entity="Invoice",
            path="invoice",
            type="invoice",
            party="CustomerRef",
            detail=_SALES,
            voids=True,
            balance=True,
            due=True,
        ),
        Kind(
            entity="CreditMemo",
            path="creditmemo",
            type="credit_memo",
            party="CustomerRef",
            detail=_SALES,
        ),
        Kind(
            entity="RefundReceipt",
            path="refundreceipt",
            type="refund_receipt",
            party="CustomerRef",
            required=("DepositToAccountRef",),
            detail=_SALES,
        ),
        Kind(
            entity="SalesReceipt",
            path="salesreceipt",
            type="sales_receipt",
            party="CustomerRef",
            required=("DepositToAccountRef",),
            detail=_SALES,
        ),
        Kind(
            entity="Payment",
            path="payment",
            type="payment",
            party="CustomerRef",
            required=("TotalAmt",),
            number="PaymentRefNum",
        ),
        Kind(
            entity="Bill",
            path="bill",
            type="bill",
            party="VendorRef",
            detail=_BOUGHT,
            balance=True,
            due=True,
        ),
        Kind(
            entity="BillPayment",
            path="billpayment",
            type="bill_payment",
            party="VendorRef",
            required=("TotalAmt", "PayType"),
        ),
    )
}

BY_ENTITY: Mapping[str, Kind] = {kind.entity: kind for kind in KINDS.values()}

PARTY_LISTS: Mapping[str, str] = {"CustomerRef": "Customer", "VendorRef": "Vendor"}

IN_ONE_CURRENCY = frozenset({"Customer", "Vendor", "Account"})
"""Intuit's pages of these entities: CurrencyRef, which is set once and never changed."""

HEAD_REFS: Mapping[str, str] = {
    **PARTY_LISTS,
    "DepartmentRef": "Department",
    "PaymentMethodRef": "PaymentMethod",
    "SalesTermRef": "Term",
    "DepositToAccountRef": "Account",
    "BankAccountRef": "Account",
    "CurrencyRef": "Currency",
}

LINE_REFS: Mapping[str, str] = {
    "ItemRef": "Item",
    "TaxCodeRef": "TaxCode",
    "ClassRef": "Class",
    "AccountRef": "Account",
}

LENGTHS: Mapping[str, int] = {"DocNumber": 21, "PaymentRefNum": 21, "PrivateNote": 4000}

TAX_MODES = frozenset({"TaxExcluded", "TaxInclusive", "NotApplicable"})


@dataclass(slots=True, kw_only=True)
class Company:
    """One company and its lists by entity, each from id to name; control calls change them."""

    realm: str
    name: str = "Kedai Contoh Sdn Bhd"
    home_currency: str = "MYR"
    lists: dict[str, Names]
    skus: Names = field(default_factory=dict)  # of items, by their id
    terms: dict[str, Mapping[str, int]] = field(default_factory=dict)  # when they are due, by id
    rates: dict[str, Decimal] = field(default_factory=dict)
    inactive: set[tuple[str, str]] = field(default_factory=set)
    not_queryable: set[tuple[str, str]] = field(default_factory=set)
    closed_through: date | None = None
    duplicate_check: bool = True
    taxed: bool = True  # outside the US each line says its tax code
    language: str = "en"
    ended: bool = False  # the subscription
    shut: bool = False  # to who connected, who may not keep its accounts
    custom_numbers: bool = True  # documents keep the numbers that are sent
    multi_currency: bool = True
    custom_fields: Names = field(default_factory=dict)  # names by DefinitionId; blank: not used
    other_totals: bool = False  # a new document is stored with a ringgit more than its lines
    tax_as_sent: bool = True  # tax lines that are sent replace those that it works out
    inclusive_as_gross: bool = False  # amounts of an inclusive document include their tax
    negative_totals: bool = False  # a document of less than nothing is taken
    names_inactive: bool = False  # the fault of an inactive entry says which one it is
    fields_by_name: bool = False  # a custom field without DefinitionId keeps its value
    currencies: dict[tuple[str, str], str] = field(default_factory=dict)  # those not at home
    any_currency: bool = False  # a document may be in another currency than its party

    def currency(self, entity: str, key: str) -> str:
        """Return the one currency of a customer, a vendor or an account."""
        return self.currencies.get((entity, key), self.home_currency)


def default_companies(*, closed_through: date | None) -> dict[str, Company]:
    """Return the intended company, and another company."""
    first = Company(
        realm=REALM,
        lists={
            "Customer": {
                "58": "Kedai Maju Sdn. Bhd.",
                "59": "Warung Melati Enterprise",
                "60": "Restoran Serai Wangi",
            },
            "Vendor": {"77": "Ladang Teh Sdn. Bhd.", "78": "Kilang Beras"},
            "Item": {"11": "Tea, loose", "12": "Tea cup", "13": "Rice", "901": "Refund"},
            "Account": {
                "35": "Bank",
                "36": "Card clearing",
                "37": "Cash",
                "81": "Cost of goods",
                "82": "Rice bought",
            },
            "TaxCode": {"3": "NONE", "5": "SST 10%"},
            "Department": {"1": "KL", "2": "JB"},
            "Class": {"200000000001": "None", "200000000002": "Expo"},
            "PaymentMethod": {"1": "Cash", "3": "FPX", "4": "Card"},
            "Term": {
                "1": "Due on receipt",
                "3": "Net 30",
                "5": "15th of the month",
            },
            "Currency": {"MYR": "Ringgit", "SGD": "Singapore dollar"},
        },
        skus={"11": "TEA-LOOSE", "12": "TEA-CUP", "13": "RICE-01"},
        terms={
            "1": {"DueDays": 0},
            "3": {"DueDays": 30},
            "5": {"DayOfMonthDue": 15, "DueNextMonthDays": 5},
        },
        rates={"3": Decimal(0), "5": Decimal(10)},
        custom_fields={"1": "SalesRep", "2": "E-invoice", "3": "e-Invoice"},
        closed_through=closed_through,
    )
    second = Company(realm=OTHER_REALM, name="Somebody else", lists={})
    return {one.realm: one for one in (first, second)}


class Books(Scripted):
    """The state of the simulator."""

    def __init__(
        self,
        *,
        companies: Mapping[str, Company],
        remember: timedelta,
        token_life: timedelta,
        stale_life: timedelta,
        withhold: int,
        seed: int,
        redirects: Iterable[str] = (),
    ) -> None:
        self._start = dict(companies)
        self._known = frozenset(redirects)
        self.remember = remember
        self.token_life = token_life
        self.stale_life = stale_life
        super().__init__(withhold=withhold, seed=seed)

    def rewind(self) -> None:
        """Reset the books to a new subscription."""
        super().rewind()
        self.companies: dict[str, Company] = deepcopy(self._start)
        self.documents: dict[Place, Shown] = {}
        self.gone: dict[Place, datetime] = {}
        self._kinds: defaultdict[tuple[str, str], dict[str, Shown]] = defaultdict(dict)
        self.answers: dict[tuple[str, str], tuple[datetime, Mapping[str, Any]]] = {}
        self.tokens: dict[int, datetime] = {}
        self.token = self.oldest = 0
        self.revoked = False
        self.redirects = set(self._known)
        self.codes: dict[int, Mapping[str, Any]] = {}
        self.code = 0
        self.last_id = 144

    def answer_to(self, realm: str, request: str, now: datetime) -> Mapping[str, Any] | None:
        """Return the answer given to a request id, while it is remembered."""
        at, answer = self.answers.get((realm, request), (None, None))
        return answer if at is not None and now - at < self.remember else None

    def withholds(self, effects: int) -> bool:
        """Check whether the seeded plan drops the answer of a call with this number of effects."""
        return any(self.effects + more in self._withheld for more in range(effects))

    def valid(self, number: int, now: datetime) -> bool:
        """Check whether an access token is valid.

        The first token, for calls by hand, never expires.
        """
        if self.revoked or not self.oldest <= number <= self.token:
            return False
        return number not in self.tokens or now - self.tokens[number] < self.token_life

    def renews(self, number: int | None, now: datetime) -> bool:
        """Check whether a refresh token is valid: the last token, and for a while the tokens before
        it.
        """
        if number is None or self.revoked or not self.oldest <= number <= self.token:
            return False
        return number == self.token or now - self.tokens[number + 1] < self.stale_life

    def of(self, realm: str, entity: str) -> Iterator[Shown]:
        """Yield all documents of an entity in their current state, oldest first."""
        yield from self._kinds[realm, entity].values()

    def shown(self, realm: str, entity: str, found: Shown) -> dict[str, Any]:
        """Return a document as a read shows it.

        The open balance is computed again, and the party's current name is added to its id.
        """
        told = {name: value for name, value in found.items() if not name.startswith("_")}
        for ref, list_ in PARTY_LISTS.items():
            if told.get(ref):
                party = str(told[ref].get("value", ""))
                name = self.companies[realm].lists.get(list_, {}).get(party)
                told[ref] = {"value": party, **({"name": name} if name else {})}
        if entity in ("Invoice", "Bill"):
            open_there = told["TotalAmt"] - self.applied(realm, str(found["Id"]))
            told["Balance"] = max(Decimal("0.00"), open_there)
        return told

    def applied(self, realm: str, document: str, *, without: str = "") -> Decimal:
        """Return the amount that payments apply to an invoice or a bill."""
        paid = Decimal(0)
        for payment in (*self.of(realm, "Payment"), *self.of(realm, "BillPayment")):
            for line in payment.get("Line", ()) if payment["Id"] != without else ():
                linked = {str(one.get("TxnId")) for one in line.get("LinkedTxn", ())}
                paid += Decimal(line["Amount"]) if document in linked else 0
        return paid

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a ledger line's effect to the books."""
        if line["call"] == "token":
            self._permit(line)
        if line.get("remembered"):
            at = datetime.fromisoformat(line["at"])
            self.answers[line["company"], line["key"]] = (at, line["remembered"])
        if line["effect"] in EFFECTS:
            self._place(line)

    def _permit(self, line: Mapping[str, Any]) -> None:
        """Apply a token ledger line: a code was created, tokens were issued, or all tokens were
        revoked.
        """
        if line.get("registered"):
            self.redirects.add(line["registered"])
        if line.get("made"):
            self.code = int(line["made"]["number"])
            self.codes[self.code] = line["made"]
        if line.get("token"):
            self.token = int(line["token"])
            self.tokens[self.token] = datetime.fromisoformat(line["at"])
        if line.get("spent"):  # connected again: what was given before counts no more
            del self.codes[int(line["spent"])]
            self.revoked, self.oldest = False, self.token
        if line["effect"] == "revoked":
            self.revoked = True

    def _place(self, line: Mapping[str, Any]) -> None:
        place = (line["company"], line["entity"], str(line["id"]))
        found, kind = loads(str(line["stands"] or "").encode()), self._kinds[place[:2]]
        if line["effect"] == "deleted":
            self.documents.pop(place, None)
            self.gone[place] = datetime.fromisoformat(line["at"])
            kind.pop(place[2], None)
        elif isinstance(found, dict):
            self.documents[place] = kind[place[2]] = found
            self.last_id = max(self.last_id, int(line["id"]))
        self.effects += line["call"] != "by_hand"

    def acts(self) -> dict[str, Act]:
        """Return the control acts of QuickBooks."""
        return super().acts() | {
            "lock": self._set_lock,
            "company": self._set_company,
            "revoke": self._revoke,
            "authorize": self._authorize,
            "redirect": self._redirect,
        }

    def _set_lock(self, given: Mapping[str, Any]) -> None:
        self.company(given).closed_through = last_day(given)

    def _set_company(self, given: Mapping[str, Any]) -> None:
        """Change the company's set-up by a control call.

        It adds entries, SKUs, payment terms, tax rates and currencies, and makes entries active or
        inactive. It also sets fields that cannot be queried, custom fields, the language and
        switches.
        """
        company = self.company(given)
        for entity, names in given.get("lists", {}).items():
            company.lists.setdefault(entity, {}).update(names)
        company.skus.update(given.get("skus", {}))
        company.terms.update(given.get("terms", {}))
        company.rates |= {str(k): Decimal(str(v)) for k, v in given.get("rates", {}).items()}
        for entity, of in given.get("currencies", {}).items():
            company.currencies |= {(entity, str(key)): str(one) for key, one in of.items()}
        for entity, ids in given.get("inactive", {}).items():
            company.inactive |= {(entity, str(one)) for one in ids}
        for entity, ids in given.get("active", {}).items():
            company.inactive -= {(entity, str(one)) for one in ids}
        for entity, names in given.get("not_queryable", {}).items():
            company.not_queryable |= {(entity, str(one)) for one in names}
        for name in _SWITCHES:
            setattr(company, name, bool(given.get(name, getattr(company, name))))
        company.custom_fields |= given.get("custom_fields", {})
        company.language = str(given.get("language", company.language))

    def _revoke(self, _: Mapping[str, Any]) -> None:
        """Revoke all tokens, as if a user disconnected the app in QuickBooks."""
        self.revoked = True

    def _authorize(self, given: Mapping[str, Any]) -> None:
        """Connect the app again: only tokens from this number on are valid."""
        self.revoked, self.token = False, int(given["number"])
        self.oldest = self.token

    def _redirect(self, given: Mapping[str, Any]) -> None:
        """Register a redirect address of the app.

        A browser is sent back only to registered addresses.
        """
        self.redirects.add(str(given["address"]))

    def company(self, given: Mapping[str, Any]) -> Company:
        """Return the company that a control call names."""
        return self.companies[str(given.get("company", REALM))]


def answer(books: Books, request: Request, now: datetime) -> tuple[Reply, Told]:
    """Return the reply to an OAuth request, and its ledger fields."""
    if request.path == AUTHORIZE and request.method == "GET":
        return _page(books, request.query)
    if request.method != "POST":
        return _refused(405, "method_not_allowed")
    if request.path == AUTHORIZE:
        return _answered(books, _form(request.body), now)
    if not _is_ours(request.headers.get("authorization", "")):
        return _refused(401, "invalid_client")
    if request.path == REVOKE:
        return _revoked(books, request.body, now)
    form = _form(request.body)
    if form.get("grant_type") == "authorization_code":
        return _of_code(books, form, now)
    if form.get("grant_type") == "refresh_token":
        return _of_refresh(books, form, now)
    return _refused(400, "unsupported_grant_type")


def _page(books: Books, asked: Mapping[str, str]) -> tuple[Reply, Told]:
    wrong = _wrong(books, asked)
    if wrong:
        inner = f'<p id="error">{escape(wrong)}</p>'
        if wrong == _NOT_REGISTERED and asked.get("redirect_uri"):
            address = escape(asked["redirect_uri"])
            inner += _REGISTER.format(path=AUTHORIZE, hidden=_hidden(asked), address=address)
        return _html(400, "Sorry, but Clearpost didn't connect", inner), _effect("refused", "400")
    companies = "".join(
        f'<option value="{realm}">{escape(one.name)}</option>'
        for realm, one in books.companies.items()
    )
    inner = _FORM.format(path=AUTHORIZE, hidden=_hidden(asked), companies=companies)
    return _html(200, "Connect Clearpost to QuickBooks", inner), _effect("read", "200")


def _hidden(asked: Mapping[str, str]) -> str:
    """Return the hidden fields that carry the query through a form."""
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(asked.get(name, ""), quote=True)}">'
        for name in _ASKED
    )


def _wrong(books: Books, asked: Mapping[str, str]) -> str:
    if asked.get("client_id") != CLIENT_ID:
        return "The client_id query parameter value is invalid."
    if asked.get("redirect_uri") not in books.redirects:
        return _NOT_REGISTERED
    if asked.get("response_type") != "code":
        return "The response_type query parameter value is invalid."
    if _SCOPE not in asked.get("scope", "").split():
        return "The scope query parameter value is invalid."
    return "" if asked.get("state") else "The state query parameter is missing."


def _html(status: int, title: str, inner: str) -> Reply:
    text = _PAGE.format(title=escape(title), inner=inner)
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return Reply(status=status, content=text.encode(), headers=headers)


def _effect(effect: str, code: str) -> Told:
    return {"effect": effect, "code": code}


def _refused(status: int, error: str, words: str = "") -> tuple[Reply, Told]:
    content = {"error": error, **({"error_description": words} if words else {})}
    return Reply(status=status, content=content), _effect("refused", str(status))


def _answered(books: Books, form: Mapping[str, str], now: datetime) -> tuple[Reply, Told]:
    """Return the reply after the user pressed Connect, Cancel or Register."""
    if form.get("answer") == "register" and _wrong(books, form) == _NOT_REGISTERED:
        query = urlencode({name: form.get(name, "") for name in _ASKED})
        reply = Reply(status=302, content=b"", headers={"Location": f"{AUTHORIZE}?{query}"})
        return reply, {**_effect("registered", ""), "registered": form.get("redirect_uri", "")}
    if _wrong(books, form) or form.get("realm") not in books.companies:
        return _page(books, form)
    back, state = form["redirect_uri"], form["state"]
    if form.get("answer") != "connect":
        return _sent_back(back, error="access_denied", state=state), _effect("declined", "302")
    number = books.code + 1
    made = {"number": number, "realm": form["realm"], "redirect": back, "at": now.isoformat()}
    reply = _sent_back(back, code=f"{CODE}-{number}", state=state, realmId=form["realm"])
    return reply, {**_effect("code", ""), "made": made}


def _sent_back(back: str, **told: str) -> Reply:
    joined = "&" if "?" in back else "?"
    return Reply(status=302, content=b"", headers={"Location": f"{back}{joined}{urlencode(told)}"})


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _is_ours(authorization: str) -> bool:
    scheme, _, told = authorization.partition(" ")
    try:
        plain = base64.b64decode(told, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return scheme == "Basic" and plain == f"{CLIENT_ID}:{CLIENT_SECRET}"


def _revoked(books: Books, body: bytes, now: datetime) -> tuple[Reply, Told]:
    sent = loads(body)
    token = str(sent.get("token", "")) if isinstance(sent, dict) else ""
    access = _number(token, ACCESS)
    if not books.renews(_number(token, REFRESH), now) and not (
        access is not None and books.valid(access, now)
    ):
        return _refused(400, "invalid_token")
    return Reply(status=200, content=b""), _effect("revoked", "")


def _number(token: str, begins: str) -> int | None:
    start, _, number = token.rpartition("-")
    return int(number) if start == begins and number.isdecimal() else None


def _of_code(books: Books, form: Mapping[str, str], now: datetime) -> tuple[Reply, Told]:
    number = _number(form.get("code", ""), CODE)
    made = books.codes.get(number) if number else None
    good = (
        made is not None
        and made["redirect"] == form.get("redirect_uri")
        and now - datetime.fromisoformat(made["at"]) < CODE_LIFE
    )
    if not good:
        return _refused(400, "invalid_grant", "Invalid authorization code or redirect_uri")
    return _given(books, {"spent": number})


def _given(books: Books, told: Told) -> tuple[Reply, Told]:
    """Return the next pair of tokens, and the ledger fields."""
    number, seconds = books.token + 1, int(books.token_life.total_seconds())
    pair = {
        "token_type": "bearer",
        "access_token": f"{ACCESS}-{number}",
        "refresh_token": f"{REFRESH}-{number}",
        "expires_in": seconds,
        "x_refresh_token_expires_in": _A_HUNDRED_DAYS,
    }
    return Reply(status=200, content=pair), {**_effect("token", ""), "token": number, **told}


def _of_refresh(books: Books, form: Mapping[str, str], now: datetime) -> tuple[Reply, Told]:
    if not books.renews(_number(form.get("refresh_token", ""), REFRESH), now):
        return _refused(400, "invalid_grant", "Incorrect Token type or clientID")
    return _given(books, {})


def number_of(authorization: str) -> int | None:
    """Return the number of our access token in an Authorization header; None for any other."""
    scheme, _, token = authorization.partition(" ")
    return _number(token, ACCESS) if scheme == "Bearer" else None
