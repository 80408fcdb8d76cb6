"""A toy program that speaks the interface of `rules.program.Program`, for tests of the
judging.

Rules: every item must be in the map `items`; a status `draft` waits, `cancelled` drops, `exempt` is
ignored; above 1,000.00 the accounts team approves; a reference that another order has is a
duplicate; a note `boom` makes the program itself fail. The invoice is INV-<number>.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from grammar.text.problem import Span
from rules.decisions.judge_record import EvaluationInput
from rules.facts import Facts, Subject, World
from rules.outcomes import ApprovalNeed, Decision, Document, Finding, Outcome, Use, Verdict, Wait
from rules.program import Route
from rules.values.canonical import PostingState
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing

ROUTE = "aiaccount.sales_invoice"
AT = Span("toy.rules", 1, 1, 1, 10)
HOLD = Finding(
    code="CHK01",
    error_class="business_rule",
    rule="toy",
    route=ROUTE,
    severity="hold",
    owner="accounts",
    message="",
    clears=ITSELF,
    cause_key=CauseKey(CauseKind.RULE, "toy"),
    cause_label="toy",
    would_pass="",
    span=AT,
)


@dataclass
class ToyProgram:
    """See the module's words."""

    hash: str = "toy"
    timing: str = "immediately"
    limit: Decimal = Decimal(1000)
    evaluated: int = 0

    @property
    def routes(self) -> tuple[Route, ...]:
        at = time(18) if self.timing == "daily" else None
        return (
            Route(
                record="order",
                source="netshop",
                target="aiaccount",
                document="sales_invoice",
                name=ROUTE,
                timing=self.timing,
                at=at,
                after=None,
                number="INV-{number}",
            ),
        )

    def link_keys(self, body: Mapping[str, object], kind: str) -> tuple[tuple[str, str], ...]:
        keys = [(f"doc:{ROUTE}", f"INV-{body['number']}")]
        if body.get("reference"):
            keys.append(("dup:*:1", str(body["reference"])))
        return tuple(keys)

    def family(self, body: Mapping[str, object], kind: str) -> tuple[str, str] | None:
        return None

    def family_keys(
        self, body: Mapping[str, object], kind: str
    ) -> tuple[tuple[str, str, str], ...]:
        return ()

    def asked_of_links(self, kind: str) -> frozenset[str]:
        return frozenset()

    def approval_at(self, span: Span) -> str:
        return "large"

    def decision(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        return self.evaluate(subject, facts, world, now)

    def decisions(self, asked: Sequence[EvaluationInput]) -> list[Outcome | Exception]:
        return [self._tried(one) for one in asked]

    def _tried(self, asked: EvaluationInput) -> Outcome | Exception:
        try:
            return self.decision(*asked)
        except Exception as error:
            return error

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        self.evaluated += 1
        body: Any = subject.body
        if body.get("note") == "boom":
            raise ZeroDivisionError("boom")
        used, missing = _look_up(body, world)
        findings = [_missing(sku) for sku in missing] + _duplicate(body, facts)
        document = None if missing else _document(body, used)
        decision = self._decide(body, document, tuple(findings), facts)
        until = datetime.fromisoformat(body["until"]) if body.get("until") else None
        return Outcome(
            decisions=(decision,),
            verdicts=(Verdict("toy", "check", ROUTE, "pass", AT),),
            used=tuple(used),
            lineage=(),
            status=body["status"],
            status_word=body["status"],
            number=body["number"],
            party=body["customer"],
            doc_date=date.fromisoformat(body["ordered_on"]),
            amount=Decimal(body["total"]),
            currency=body["currency"],
            valid_until=until if until and until > now else None,
            engine="toy",
        )

    def _decide(
        self,
        body: Any,
        document: Document | None,
        findings: tuple[Finding, ...],
        facts: Facts,
    ) -> Decision:
        mine = next((p for p in facts.postings if p.route == ROUTE), None)
        if mine is not None and mine.state == "posted":
            stale = _stale(mine.content, document)
            return Decision(ROUTE, PostingState.POSTED, None, stale, None, "")
        if body["status"] == "draft":
            return Decision(
                ROUTE, PostingState.WAITING, None, (), Wait("gate", None, None, "draft"), "draft"
            )
        if body["status"] in {"cancelled", "exempt"}:
            state = PostingState.DROPPED
            if body["status"] == "exempt":
                state = PostingState.IGNORED
            return Decision(ROUTE, state, None, (), None, body["status"])
        findings = tuple(f for f in findings if (f.route, f.rule) not in facts.releases)
        needs: tuple[ApprovalNeed, ...] = ()
        if document is not None and document.amount > self.limit:
            need = ApprovalNeed("large", "accounts", (), "A large order.")
            needs = (need,)
            findings += (
                replace(
                    HOLD,
                    code="APP01",
                    rule="large",
                    severity="approve",
                    message=need.message,
                    cause_key=CauseKey(CauseKind.APPROVE, "large"),
                ),
            )
        state = PostingState.HELD if findings else PostingState.READY
        return Decision(ROUTE, state, document, findings, None, "", needs)


def _look_up(body: Any, world: World) -> tuple[list[Use], list[str]]:
    used, missing = [], []
    for line in body["lines"]:
        entry = world.maps["items"].entries.get(line["sku"]) if "items" in world.maps else None
        if entry is None:
            missing.append(line["sku"])
        else:
            used.append(Use("items", line["sku"], entry.id, entry.value))
    return used, missing


def _document(body: Any, used: list[Use]) -> Document:
    lines = tuple(
        {
            "LineNo": str(no),
            "SKU": use.value,
            "Description": use.value,
            "Quantity": line["qty"],
            "UOM": "PCS",
            "UnitPrice": "1.00",
            "AccountCode": "40000",
            "TaxCode": "NT",
            "LineTotal": "1.00",
        }
        for no, (use, line) in enumerate(zip(used, body["lines"], strict=True), start=1)
    )
    return Document(
        target="aiaccount",
        document="sales_invoice",
        number=f"INV-{body['number']}",
        date=date.fromisoformat(body["ordered_on"]),
        party=body["customer"],
        currency=body["currency"],
        amount=Decimal(body["total"]),
        fields={
            "InvoiceNumber": f"INV-{body['number']}",
            "InvoiceDate": body["ordered_on"],
            "Customer": body["customer"],
            "Currency": body["currency"],
            "Total": body["total"],
        },
        lines=lines,
    )


def _missing(sku: str) -> Finding:
    return replace(
        HOLD,
        code="MAP01",
        error_class="mapping_missing",
        rule="items",
        message=f"{sku} is not an item.",
        cause_key=CauseKey.mapping("items", sku),
        cause_label=f"SKU {sku} is not an item",
    )


def _duplicate(body: Any, facts: Facts) -> list[Finding]:
    others = facts.history.get("dup:*:1", ())
    return [
        replace(
            HOLD,
            code="DUP01",
            error_class="duplicate",
            rule="reference",
            message=f"Order {other} has this reference too.",
            clears=Clearing.by("accounts"),
            cause_key=CauseKey(CauseKind.DUPLICATE, str(body["reference"])),
        )
        for other in others[:1]
    ]


def _stale(content: Any, document: Document | None) -> tuple[Finding, ...]:
    if document is not None and content and content["fields"] == dict(document.fields):
        return ()
    return (
        replace(
            HOLD,
            code="STL01",
            error_class="stale_version",
            rule="change",
            message="The order changed after it was posted.",
            cause_key=CauseKey(CauseKind.STALE, ROUTE),
        ),
    )


HOUR = timedelta(hours=1)
