"""What stands in QuickBooks: documents, lists, answers by request id, tokens, planned faults.

Here: state, changed only by applying ledger lines, so that a restart ends where it was. Not here:
deciding what a line says (writing.py), and HTTP (api.py).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.kit.scripted import Act, Scripted, last_day
from connectors.kit.strictjson import loads
from connectors.targets.quickbooks.simulator.data import REALM, Company

EFFECTS = frozenset({"created", "updated", "voided", "by_hand", "deleted"})
_SWITCHES = ("duplicate_check", "taxed", "ended")

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
    ) -> None:
        self._start = dict(companies)
        self.remember = remember
        self.token_life = token_life
        self.stale_life = stale_life
        super().__init__(withhold=withhold, seed=seed)

    def rewind(self) -> None:
        """As a new subscription."""
        super().rewind()
        self.companies: dict[str, Company] = deepcopy(self._start)
        self.documents: dict[Place, Shown] = {}
        self._kinds: defaultdict[tuple[str, str], dict[str, Shown]] = defaultdict(dict)
        self.answers: dict[tuple[str, str], tuple[datetime, Mapping[str, Any]]] = {}
        self.tokens: dict[int, datetime] = {}
        self.token = self.oldest = 0
        self.revoked = False
        self.last_id = 144

    def answer_to(self, realm: str, request: str, now: datetime) -> Mapping[str, Any] | None:
        """What was answered to a request id, while it is remembered."""
        at, answer = self.answers.get((realm, request), (None, None))
        return answer if at is not None and now - at < self.remember else None

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
        """A document as a read shows it: what is open is worked out anew."""
        told = {name: value for name, value in found.items() if not name.startswith("_")}
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
        if line.get("token"):
            self.token = int(line["token"])
            self.tokens[self.token] = datetime.fromisoformat(line["at"])
        if line.get("remembered"):
            at = datetime.fromisoformat(line["at"])
            self.answers[line["company"], line["key"]] = (at, line["remembered"])
        if line["effect"] in EFFECTS:
            self._place(line)

    def _place(self, line: Mapping[str, Any]) -> None:
        place = (line["company"], line["entity"], str(line["id"]))
        found, kind = loads(str(line["stands"] or "").encode()), self._kinds[place[:2]]
        if line["effect"] == "deleted":
            self.documents.pop(place, None)
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
        }

    def _set_lock(self, given: Mapping[str, Any]) -> None:
        self.company(given).closed_through = last_day(given)

    def _set_company(self, given: Mapping[str, Any]) -> None:
        """Entries are added or made inactive, fields are closed to queries; switches are set."""
        company = self.company(given)
        for entity, names in given.get("lists", {}).items():
            company.lists.setdefault(entity, {}).update(names)
        for entity, ids in given.get("inactive", {}).items():
            company.inactive |= {(entity, str(one)) for one in ids}
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

    def company(self, given: Mapping[str, Any]) -> Company:
        """The company that a control call means."""
        return self.companies[str(given.get("company", REALM))]
