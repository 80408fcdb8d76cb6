"""The books of QuickBooks: documents, lists, answers by request id, tokens, planned faults.

Here: the company that a simulator starts with, the app that may call it, and state, changed only by
applying ledger lines, so that a restart ends where it was. Not here: deciding what a line says
(writes.py), and HTTP (api.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.simulators.base.scripted import Act, Scripted, last_day
from connectors.simulators.quickbooks.kinds import PARTY_LISTS
from connectors.transport.strict_json import loads

REALM, OTHER_REALM = "9130347", "9130999"
CLIENT_ID, CLIENT_SECRET = "AB-clearpost-app", "qbo-client-3Rk9"
ACCESS, REFRESH, CODE = "qbo-access-7Wd2", "qbo-refresh-5Mx8", "qbo-code-4Hs6"
"""How a token begins, or a code; its number follows."""

Names = dict[str, str]


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


def default_companies(*, closed_through: date | None) -> dict[str, Company]:
    """The intended company, and another one."""
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
        closed_through=closed_through,
    )
    second = Company(realm=OTHER_REALM, name="Somebody else", lists={})
    return {one.realm: one for one in (first, second)}


EFFECTS = frozenset({"created", "updated", "voided", "by_hand", "deleted"})
_SWITCHES = ("duplicate_check", "taxed", "ended", "shut")

Place = tuple[str, str, str]
Shown = Mapping[str, Any]


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
        """As a new subscription."""
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
        """What was answered to a request id, while it is remembered."""
        at, answer = self.answers.get((realm, request), (None, None))
        return answer if at is not None and now - at < self.remember else None

    def withholds(self, effects: int) -> bool:
        """Whether the seeded plan cuts the answer of a call with so many effects."""
        return any(self.effects + more in self._withheld for more in range(effects))

    def valid(self, number: int, now: datetime) -> bool:
        """Whether an access token is still good; the first one, for calls by hand, has no end."""
        if self.revoked or not self.oldest <= number <= self.token:
            return False
        return number not in self.tokens or now - self.tokens[number] < self.token_life

    def renews(self, number: int | None, now: datetime) -> bool:
        """Whether a refresh token is still taken: the last one, and for a while those before it."""
        if number is None or self.revoked or not self.oldest <= number <= self.token:
            return False
        return number == self.token or now - self.tokens[number + 1] < self.stale_life

    def of(self, realm: str, entity: str) -> Iterator[Shown]:
        """All documents of a kind, oldest first, as they stand."""
        yield from self._kinds[realm, entity].values()

    def shown(self, realm: str, entity: str, found: Shown) -> dict[str, Any]:
        """A document as a read shows it: what is open is worked out again, and whose it is has the
        name of now beside its id, whatever was sent.
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
        """What payments say that they paid of an invoice or a bill."""
        paid = Decimal(0)
        for payment in (*self.of(realm, "Payment"), *self.of(realm, "BillPayment")):
            for line in payment.get("Line", ()) if payment["Id"] != without else ():
                linked = {str(one.get("TxnId")) for one in line.get("LinkedTxn", ())}
                paid += Decimal(line["Amount"]) if document in linked else 0
        return paid

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a ledger line of a call take effect."""
        if line["call"] == "token":
            self._permit(line)
        if line.get("remembered"):
            at = datetime.fromisoformat(line["at"])
            self.answers[line["company"], line["key"]] = (at, line["remembered"])
        if line["effect"] in EFFECTS:
            self._place(line)

    def _permit(self, line: Mapping[str, Any]) -> None:
        """A code was made, tokens were given, or all of them ended."""
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
        """The control acts of QuickBooks."""
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
        """Entries are added, items get a SKU and terms their days, entries are made inactive or
        active again, fields are closed to queries; switches are set.
        """
        company = self.company(given)
        for entity, names in given.get("lists", {}).items():
            company.lists.setdefault(entity, {}).update(names)
        company.skus.update(given.get("skus", {}))
        company.terms.update(given.get("terms", {}))
        for entity, ids in given.get("inactive", {}).items():
            company.inactive |= {(entity, str(one)) for one in ids}
        for entity, ids in given.get("active", {}).items():
            company.inactive -= {(entity, str(one)) for one in ids}
        for entity, names in given.get("not_queryable", {}).items():
            company.not_queryable |= {(entity, str(one)) for one in names}
        for name in _SWITCHES:
            setattr(company, name, bool(given.get(name, getattr(company, name))))
        company.language = str(given.get("language", company.language))

    def _revoke(self, _: Mapping[str, Any]) -> None:
        """Somebody disconnects the app in QuickBooks: no token is good any more."""
        self.revoked = True

    def _authorize(self, given: Mapping[str, Any]) -> None:
        """Somebody connects it again: the tokens of that number count, none before."""
        self.revoked, self.token = False, int(given["number"])
        self.oldest = self.token

    def _redirect(self, given: Mapping[str, Any]) -> None:
        """Somebody enters a redirect address of the app; to no other one anybody is sent back."""
        self.redirects.add(str(given["address"]))

    def company(self, given: Mapping[str, Any]) -> Company:
        """The company that a control call means."""
        return self.companies[str(given.get("company", REALM))]
