"""How each target comes to refuse a document in each of the ten classes, at its stand-in.

Here: what is done there by hand before, the document that is sent, and a part of what the target
says; of a class that a target cannot tell, why. Not here: answers word by word
(literal_answers.py), and the tests (targets/test_refusals.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from connectors.contract import Answer
from connectors.transport.strict_json import dumps, loads
from grammar.text.finding_codes import ErrorClass
from sandbox.conformance.target_bench import Bench, Posted
from tests.connectors.sample_documents import line

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One way to a refusal. `acts` are done by hand in the target, after the documents `there` were
    posted; `edit` makes a body of what the connector itself would refuse before it is sent.
    """

    told: str
    code: str
    sample: str = ""
    there: tuple[Callable[[Bench], Posted], ...] = ()
    acts: tuple[tuple[str, Mapping[str, object]], ...] = ()
    document: Callable[[Bench], Posted] = lambda bench: bench.make()
    edit: Callable[[Body], object] | None = None
    how: Mapping[str, Any] = field(default_factory=dict)

    def meet(self, bench: Bench, *, batch: bool = False) -> Answer:
        """What the target says."""
        for at, make in enumerate(self.there):
            (before,) = bench.send(make(bench), key=f"cp-there-{at}").answers
            assert before.kind == "accepted", before
        for act, given in self.acts:
            bench.sim.control(act, **given)
        given = {"key": "cp-1", "secret": bench.sample.secret, "action": "create", **self.how}
        payload = bench.build(self.document(bench), batch=batch, action=given["action"])
        if self.edit is not None:
            content = loads(payload.body)
            for body in _bodies(content):
                self.edit(body)
            payload = replace(payload, body=dumps(content))
        (answer,) = bench.target.send(
            payload, bench.sim.settings, given["secret"], given["key"], bench.http
        ).answers
        return answer


def _bodies(content: Any) -> list[Body]:
    """The documents of a body: of QuickBooks' batch those of its items."""
    items = content.get("BatchItemRequest") if isinstance(content, dict) else None
    if items is None:
        return [content]
    return [value for item in items for value in item.values() if isinstance(value, dict)]


def other(bench: Bench) -> Posted:
    """The same number with other content."""
    return bench.changed()


def same(bench: Bench) -> Posted:
    """The document of the sample."""
    return bench.make()


def made(**changed: Any) -> Callable[[Bench], Posted]:
    """The document of the sample with other fields."""
    return lambda bench: bench.make(**changed)


LOCKED = (("lock", {"through": "2026-12-31"}),)
_LARGE = made(lines=[line(Quantity="2000", LineTotal="108900.00")], amount="108900.00")


def planned(name: str) -> tuple[tuple[str, Mapping[str, object]], ...]:
    """A fault of the stand-in."""
    return (("faults", {"fault": name}),)


UNKNOWN = Refusal(told="answered 500", code="no_answer", acts=planned("error_500_after"))
REFUSALS: Mapping[str, Mapping[ErrorClass, Refusal]] = {
    "aiaccount": {
        "missing_field": Refusal(told="the buyer needs", code="einvoice_invalid", document=_LARGE),
        "bad_value": Refusal(
            told="has a wrong format", code="einvoice_invalid", document=made(CustomerTIN="C2584")
        ),
        "mapping_missing": Refusal(
            told="Account 49999 does not exist",
            code="unknown_account",
            document=made(lines=[line(AccountCode="49999")], amount="108.90"),
        ),
        "authorization_failed": Refusal(
            told="Unknown API key", code="invalid_key", how={"secret": "aia_live_nobody"}
        ),
        "duplicate": Refusal(
            told="was used with another body",
            code="duplicate",
            there=(other,),
            how={"key": "cp-there-0"},
        ),
        "stale_version": Refusal(told="other content", code="duplicate", there=(other,)),
        "period_locked": Refusal(
            told="locked through 2026-12-31", code="period_locked", acts=LOCKED
        ),
        "temporary": Refusal(told="limit", code="quota_exceeded", acts=(("quota", {"limit": 0}),)),
        "uncertain": UNKNOWN,
        "business_rule": Refusal(
            told="is open of IN-1",
            code="over_payment",
            sample="aiaccount receipt",
            document=made(amount="108900.01"),
        ),
    },
    "autocount": {
        "missing_field": Refusal(
            told="CreditTerm is required",
            code="field_required",
            edit=lambda body: body["master"].pop("creditTerm"),
        ),
        "bad_value": Refusal(
            told="exceeds maximum length of 80",
            code="too_long",
            edit=lambda body: body["master"].update(description="x" * 81),
        ),
        "mapping_missing": Refusal(
            told="(DebtorKey = 300-X999) not exists",
            code="unknown_code",
            document=made(DebtorCode="300-X999"),
        ),
        "authorization_failed": Refusal(
            told="401 Unauthorized", code="key_refused", how={"secret": "acc_nobody"}
        ),
        "duplicate": Refusal(
            told="Document No. NS-1 already exists",
            code="number_taken",
            there=(same,),
            acts=(("by_hand", {"number": "NS-1", "cancelled": True}),),
        ),
        "stale_version": Refusal(told="other content", code="number_taken", there=(other,)),
        "period_locked": Refusal(told="19/11/2026 is locked", code="date_locked", acts=LOCKED),
        "temporary": Refusal(told="429", code="rate_limited", acts=planned("rate_limited")),
        "uncertain": UNKNOWN,
        "business_rule": Refusal(
            told="has been knocked off",
            code="knocked_off",
            there=(same,),
            acts=(("by_hand", {"number": "NS-1", "status": "Paid"}),),
            how={"action": "void"},
        ),
    },
    "autocount_aotg": {
        "bad_value": Refusal(
            told="Could not find member 'Colour'",
            code="http_400",
            edit=lambda body: body.update(Colour="red"),
        ),
        "mapping_missing": Refusal(
            told="Debtor 300-X999 not exists",
            code="unknown_code",
            document=made(DebtorCode="300-X999"),
        ),
        "authorization_failed": Refusal(
            told="Unauthorized", code="key_refused", acts=planned("invalid_key") * 2
        ),
        "duplicate": Refusal(
            told="Document No. NS-1 already exists",
            code="number_taken",
            there=(made(DocDate="2026-11-18"),),
        ),
        "stale_version": Refusal(told="other content", code="number_taken", there=(other,)),
        "period_locked": Refusal(told="19/11/2026 is locked", code="date_locked", acts=LOCKED),
        "temporary": Refusal(
            told="Too many requests", code="rate_limited", acts=planned("rate_limited")
        ),
        "uncertain": UNKNOWN,
        "business_rule": Refusal(
            told="not recognized as a valid DateTime",
            code="failed",
            acts=(("book", {"date_format": "MM-dd-yyyy"}),),
        ),
    },
    "quickbooks": {
        "missing_field": Refusal(
            told="Required parameter CustomerRef is missing",
            code="2020",
            edit=lambda body: body.pop("CustomerRef"),
        ),
        "bad_value": Refusal(
            told="Amount is not equal to UnitPrice * Qty",
            code="6070",
            edit=lambda body: body["Line"][0].update(Amount=Decimal("98.00")),
        ),
        "mapping_missing": Refusal(
            told="Customer element id 999 not found",
            code="2500",
            document=made(CustomerRef="999"),
        ),
        "authorization_failed": Refusal(
            told="Token expired",
            code="3200",
            how={"secret": "qbo-client-3Rk9:qbo-refresh-5Mx8-0:qbo-access-nobody:4102444800"},
        ),
        "duplicate": Refusal(
            told="name supplied already exists", code="6240", acts=planned("name_taken")
        ),
        "stale_version": Refusal(told="other content", code="6140", there=(other,)),
        "period_locked": Refusal(told="period has closed", code="6210", acts=LOCKED),
        "temporary": Refusal(told="Too many", code="3001", acts=planned("rate_limited")),
        "uncertain": UNKNOWN,
        "business_rule": Refusal(
            told="Make sure all your transactions have a tax rate",
            code="6000",
            edit=lambda body: body["Line"][0]["SalesItemLineDetail"].pop("TaxCodeRef"),
        ),
    },
}
"""Target -> class -> a way to it."""

_BY_HAND = "nobody calls it: a person imports its file and tells what was said of a row"
_OVER = "its import overwrites a document of that number, which the listing shows afterwards"
NEVER: Mapping[str, Mapping[ErrorClass, str]] = {
    "autocount_aotg": {
        "missing_field": "its contract has no words for it: a request that failed for any reason"
        " but a locked date, a number or a code is a rule that is not met",
    },
    "autocount_excel": {
        "authorization_failed": _BY_HAND,
        "duplicate": _OVER,
        "stale_version": _OVER,
        "temporary": _BY_HAND,
        "uncertain": _BY_HAND,
    },
}
"""Target -> class -> why it can never be told."""


@dataclass(frozen=True, kw_only=True)
class RowRefusal:
    """One way to an error of the Excel import: the cells of its first row that are other ones."""

    told: str
    cells: Mapping[str, object] = field(default_factory=dict)
    document: str = "invoice"
    acts: tuple[tuple[str, Mapping[str, object]], ...] = ()


IMPORTS: Mapping[ErrorClass, RowRefusal] = {
    "missing_field": RowRefusal(told="Mandatory field UOM is empty", cells={"UOM": None}),
    "bad_value": RowRefusal(told="DebtorName is too long", cells={"DebtorName": "x" * 101}),
    "mapping_missing": RowRefusal(
        told="Debtor code 300-X999 not found", cells={"DebtorCode": "300-X999"}
    ),
    "period_locked": RowRefusal(told="19/11/2026 is locked", acts=LOCKED),
    "business_rule": RowRefusal(
        told="Net total must be greater than 0", cells={"PaymentAmt": "0"}, document="ar_payment"
    ),
}
"""Class -> a way to it, of `autocount_excel`."""
