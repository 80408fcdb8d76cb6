"""Define AutoCount's books: documents, master data, keys, planned faults and knock-offs."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.transport.strict_json import loads
from sandbox.simulators.base.server import Act, Scripted, last_day

DEMO_KEY = ("cp-demo", "acc_demo_9Tq4Lx")

BOOK, OTHER_BOOK = "1042", "2001"

MADE = "party_made"

EFFECTS = frozenset({"created", "updated", "voided", "unvoided", "by_hand"})

_SETS = ("debtors", "creditors", "accounts", "terms", "locations", "agents", "payment_methods")

_SWITCHES = ("products_away", "home_currency_only", "void_without_body")

Place = tuple[str, str, str]

Shown = Mapping[str, Any]

PATH = "knockoffentry"


@dataclass(frozen=True, slots=True)
class _Type:
    """A document type that can be knocked off: its path, name and sign.

    It also has its words for a partly and a completely knocked off document.
    """

    path: str
    thing: str
    sign: int
    part: str
    whole: str


_TYPES = {
    "IV": _Type("invoice", "Invoice", 1, "Partially Paid", "Paid"),
    "OR": _Type("receipt", "Receipt", -1, "Partially Applied", "Fully Applied"),
    "CN": _Type("creditnote", "CreditNote", -1, "Partially Applied", "Fully Applied"),
}


@dataclass(slots=True, kw_only=True)
class AccountBook:
    """One account book and its master data; control calls change them."""

    number: str
    debtors: set[str]
    creditors: set[str]
    accounts: set[str]
    terms: set[str] = field(default_factory=lambda: {"C.O.D.", "Net 30 days"})
    locations: set[str] = field(default_factory=lambda: {"HQ", "JB01"})
    agents: set[str] = field(default_factory=lambda: {"LIWEI"})
    payment_methods: set[str] = field(default_factory=lambda: {"BANK", "FPX", "CASH", "CLEARING"})
    tax_codes: dict[str, Decimal]
    products: dict[str, str]
    products_away: bool = False
    void_without_body: bool = False  # public clients send the model of a void, `{}` at least
    home_currency: str = "MYR"
    five_sen: str = "off"  # the rounding of invoices: off, on (where one asks for it) or enforced
    number_length: int = 50  # by the vendor's model of an invoice (docNo)
    home_currency_only: bool = False  # a document is in it, whatever the currency of its party
    fiscal_from: date = date(2020, 1, 1)
    fiscal_to: date = date(2099, 12, 31)
    locked_through: date | None = None
    decimals: dict[str, int] = field(default_factory=lambda: {"qty": 4, "unitPrice": 4})

    def parties(self, path: str) -> set[str]:
        """Return the codes of its debtors or creditors."""
        return self.debtors if path == "debtor" else self.creditors


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key of one book; `methods` are what it may call, None is everything."""

    id: str
    secret: str
    book: str = BOOK
    methods: frozenset[str] | None = None


def default_books(*, locked_through: date | None) -> dict[str, AccountBook]:
    """Return the intended book, and another one."""
    first = AccountBook(
        number=BOOK,
        debtors={"300-W001", "300-K210", "300-K211", "300-K305"},
        creditors={"400-B012", "400-S014", "400-S022", "400-M001"},
        accounts={"500-0000", "510-0000", "610-0001", "905-0000"},
        tax_codes={"S-10": Decimal(10), "NT": Decimal(0)},
        products={"TEE-BLK-M": "PCS", "SOAP90": "PCS", "RICE5": "KG", "TISSUE3": "PCS"},
        locked_through=locked_through,
    )
    second = AccountBook(
        number=OTHER_BOOK, debtors=set(), creditors=set(), accounts=set(), tax_codes={}, products={}
    )
    return {book.number: book for book in (first, second)}


def default_keys() -> Mapping[str, ApiKey]:
    """Return a key with all permissions, and one for each way in which a key can be too weak."""
    reads = frozenset({"GET invoice", "GET creditNote"})
    keys = (
        ApiKey(id=DEMO_KEY[0], secret=DEMO_KEY[1]),
        ApiKey(id="cp-reader", secret="acc_reader_1Hs7", methods=reads),  # noqa: S106
        ApiKey(id="cp-blind", secret="acc_blind_5Vn2", methods=frozenset()),  # noqa: S106
        ApiKey(id="cp-other", secret="acc_other_8Gd3", book=OTHER_BOOK),  # noqa: S106
    )
    return {key.id: key for key in keys}


def place_of(book: str, path: str, number: str) -> Place:
    """Return a document's place; numbers ignore case."""
    return book, path.casefold(), number.casefold()


class Books(Scripted):
    """The state of the simulator."""

    def __init__(
        self,
        *,
        books: Mapping[str, AccountBook],
        keys: Mapping[str, ApiKey],
        existing: str,
        withhold: int,
        seed: int,
    ) -> None:
        self._start = (dict(books), dict(keys))
        self.existing = existing
        super().__init__(withhold=withhold, seed=seed)

    def rewind(self) -> None:
        """Reset to a new subscription."""
        super().rewind()
        books, keys = deepcopy(self._start)
        self.books: dict[str, AccountBook] = books
        self.keys: dict[str, ApiKey] = keys
        self.documents: dict[Place, Shown] = {}
        self.parties: dict[Place, Shown] = {}
        self._before: dict[Place, Shown | None] = {}
        self.lag = 0
        self.hidden: frozenset[str] = frozenset()
        self.last_key = 120

    def shown(self, place: Place) -> Shown | None:
        """Return what a read shows now; while look-ups lag, the state before the last write."""
        document = self._before.get(place) if self.lag else self.documents.get(place)
        return None if document is None else self.bare(document)

    def bare(self, document: Shown) -> Shown:
        """Return a document without its internal fields."""
        if not self.hidden:
            return document

        def visible_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in fields.items() if name not in self.hidden}

        rows = [visible_fields(row) for row in document.get("details", ())]
        return {**document, "master": visible_fields(document["master"]), "details": rows}

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a call's ledger line."""
        if line.get("lagged"):
            self.lag -= 1
        if line["effect"] == MADE:
            party = loads(line["stands"].encode())
            self._know(line["company"], line["path"], party if isinstance(party, dict) else {})
        if line["effect"] in EFFECTS and line.get("stands"):
            place = place_of(line["company"], line["path"], line["number"])
            document = loads(line["stands"].encode())
            self._before[place] = self.documents.get(place)
            if isinstance(document, dict):
                self.documents[place] = document
                if place[1] == PATH:
                    self.documents |= after(self.documents, place[0], document)
                self.last_key = max(self.last_key, int(document["master"]["docKey"]))
            self.effects += line["call"] != "by_hand"

    def acts(self) -> dict[str, Act]:
        """Return AutoCount's control acts."""
        return super().acts() | {
            "lock": self._set_lock,
            "lag": self._set_lag,
            "hide": self._set_hidden,
            "book": self._set_book,
            "rekey": self._replace_key_secret,
        }

    def _set_lock(self, body: Mapping[str, Any]) -> None:
        """Lock an account book up to and including a day, or unlock it without a day."""
        self.book(body).locked_through = last_day(body)

    def _set_lag(self, body: Mapping[str, Any]) -> None:
        """Set how many of the next reads miss the latest changes."""
        self.lag = int(body.get("reads", 1))

    def _set_hidden(self, body: Mapping[str, Any]) -> None:
        """Set the fields that reads leave out."""
        self.hidden = frozenset(map(str, body.get("fields", ())))

    def _set_book(self, body: Mapping[str, Any]) -> None:
        """Change an account book: add codes and parties, replace its settings."""
        book = self.book(body)
        for name in _SETS:
            getattr(book, name).update(map(str, body.get(name, ())))
        book.products |= {str(k): str(v) for k, v in body.get("products", {}).items()}
        taxes = body.get("tax_codes", {})
        book.tax_codes |= {str(k): Decimal(str(v)) for k, v in taxes.items()}
        book.decimals |= {str(k): int(v) for k, v in body.get("decimals", {}).items()}
        for name in _SWITCHES:
            setattr(book, name, bool(body.get(name, getattr(book, name))))
        for path, parties in body.get("parties", {}).items():
            for code, fields in parties.items():
                self._know(book.number, path, {"accNo": code, **fields})
        book.home_currency = str(body.get("home_currency", book.home_currency))
        book.five_sen = str(body.get("five_sen", book.five_sen))
        book.number_length = int(body.get("number_length", book.number_length))
        if "fiscal_to" in body:
            book.fiscal_to = date.fromisoformat(body["fiscal_to"])

    def _know(self, book: str, path: str, fields: Mapping[str, Any]) -> None:
        """Add a debtor or creditor with these fields."""
        code = str(fields["accNo"])
        self.books[book].parties(path).add(code)
        self.parties[book, path, code] = fields

    def currency(self, book: str, master: Mapping[str, Any]) -> str:
        """Return a document's currency, which comes from its debtor or creditor."""
        debtor, creditor = master.get("debtorCode"), master.get("creditorCode")
        path, code = ("debtor", debtor) if debtor else ("creditor", creditor)
        party = self.parties.get((book, path, str(code)), {})
        home = self.books[book].home_currency
        if self.books[book].home_currency_only:
            return home
        return str(master.get("currencyCode") or party.get("currencyCode") or home)

    def _replace_key_secret(self, body: Mapping[str, Any]) -> None:
        """Replace an API key's secret."""
        self.keys[body["key_id"]].secret = str(body["secret"])

    def book(self, body: Mapping[str, Any]) -> AccountBook:
        """Return a control call's account book."""
        return self.books[str(body.get("company", BOOK))]


def objection(documents: Mapping[Place, Shown], book: str, sent: Shown) -> str:
    """Return AutoCount's first objection to a new knock-off, or blank."""
    party, rows = str(sent["master"]["accNo"]), sent["details"]
    if not rows:
        return "Details is required."
    now: dict[Place, Decimal] = {}
    for row in rows:
        kind, number = _TYPES.get(str(row.get("docType"))), str(row.get("docNo") or "")
        if kind is None:
            return f"Document type {row.get('docType')} is not valid."
        place = (book, kind.path, number.casefold())
        document, amount = documents.get(place), _amount(row) * kind.sign
        if document is None:
            return f"{kind.thing} ({kind.thing}Key = {number}) not exists"
        if document["master"]["cancelled"]:
            return f"{kind.thing} is already voided."
        if _party(document) != party:
            return f"{kind.thing} {number} is not a document of {party}."
        if amount <= 0:
            return f"Knock off amount of {number} is not valid."
        outstanding = _total(document) - _tied(documents, place) - now.get(place, Decimal(0))
        if amount > outstanding:
            return (
                f"Knock off amount of {number} is more than its outstanding amount {outstanding}."
            )
        now[place] = now.get(place, Decimal(0)) + amount
    return "" if sum(map(_amount, rows)) == 0 else "Knock off amounts are not balanced."


def _amount(row: Mapping[str, Any]) -> Decimal:
    return Decimal(row.get("knockOffAmount") or 0)


def _party(document: Shown) -> str:
    return str(document["master"].get("debtorCode") or document["details"][0].get("accNo"))


def _total(document: Shown) -> Decimal:
    return Decimal(document["master"]["finalTotal"])


def _tied(documents: Mapping[Place, Shown], place: Place) -> Decimal:
    """Return how much of a document is knocked off already."""
    knock_offs = (
        knock_off
        for (book, path, _), knock_off in documents.items()
        if (book, path) == (place[0], PATH)
    )
    return sum(
        (abs(_amount(row)) for knock_off in knock_offs for row in _of(knock_off, place)), Decimal(0)
    )


def _of(knock_off: Shown, place: Place) -> Iterable[Mapping[str, Any]]:
    return (
        row
        for row in knock_off["details"]
        if (_TYPES[row["docType"]].path, str(row["docNo"]).casefold()) == place[1:]
    )


def total_of(knock_off: Shown) -> Decimal:
    """Return the knock-off's amount, the sum of its debits."""
    return sum((_amount(row) for row in knock_off["details"] if _amount(row) > 0), Decimal(0))


def after(documents: Mapping[Place, Shown], book: str, knock_off: Shown) -> dict[Place, Shown]:
    """Return the documents of a knock-off as they are after it."""
    settled_documents: dict[Place, Shown] = {}
    for row in knock_off["details"]:
        kind = _TYPES[row["docType"]]
        place = (book, kind.path, str(row["docNo"]).casefold())
        stands = documents[place]
        status = kind.whole if _tied(documents, place) == _total(stands) else kind.part
        settled_documents[place] = {**stands, "master": {**stands["master"], "status": status}}
    return settled_documents
