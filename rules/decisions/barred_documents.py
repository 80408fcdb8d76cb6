"""Hold documents that would make a second e-Invoice of a sale, or book the sale a second time."""

from __future__ import annotations

from typing import Final

from grammar.text.problem import Span
from rules.expressions.run import Run
from rules.outcomes import HIT, Finding, Said, Verdict
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind

ISSUER_RULE: Final = "e_invoice_issuer"

MODULE_RULE: Final = "marketplace_module"

UNKNOWN: Final = "unknown"

PLATFORM: Final = "platform"

MODULE: Final = "module"

_CODES: Final = {UNKNOWN: "SRC02", PLATFORM: "SRC03", MODULE: "SRC04"}


def barred_reasons(run: Run, route: str) -> tuple[str, ...]:
    """Return why no document of this route may go, as the facts of the record state it."""
    barred = run.facts.barred
    names = (route, route.partition(".")[0]) if barred else ()
    return tuple(barred[name] for name in names if name in barred)


def judge_barred(run: Run, route: str, *, source: str, owner: str, span: Span) -> Said:
    """Return a finding for each reason why no document of this route may go.

    A person cannot release it: the answer to the question clears it.
    """
    said = Said()
    for reason in barred_reasons(run, route):
        finding = _finding(reason, route, source, owner, span)
        shown = ((finding.rule, reason),)
        said.verdicts.append(
            Verdict(finding.rule, "field", route, HIT, span, shown, None, finding.message)
        )
        said.findings.append(finding)
    return said


def _finding(reason: str, route: str, source: str, owner: str, span: Span) -> Finding:
    target = route.partition(".")[0]
    message, label, would_pass = _words(reason, source, target)
    rule = MODULE_RULE if reason == MODULE else ISSUER_RULE
    named = f"{rule}:{target if reason == MODULE else source}"
    return Finding(
        code=_CODES[reason],
        error_class="business_rule",
        rule=rule,
        route=route,
        severity="hold",
        owner=owner,
        message=message,
        clears=ITSELF,
        cause_key=CauseKey(CauseKind.RULE, f"{named}:{reason}"),
        cause_label=label,
        would_pass=would_pass,
        span=span,
    )


def _words(reason: str, source: str, target: str) -> tuple[str, str, str]:
    """Return the message, the title of the cause, and what would clear it."""
    if reason == MODULE:
        message = (
            f"The marketplace module of AutoCount is on, and books this sale itself. {target} would"
            " book it a second time."
        )
        label = f"The marketplace module is on in {target}"
        return (
            message,
            label,
            f"an administrator sets the marketplace module to “Off” on the page of {target}",
        )
    if reason == PLATFORM:
        message = (
            f"{source} makes the e-Invoice of this sale itself. {target} would make a second one of"
            " this document."
        )
        would_pass = (
            "the rules post no document that makes an e-Invoice, or an administrator sets that"
            f" {target} makes none, or that we make those of {source}"
        )
        return message, f"{source} makes the e-Invoices of its sales itself", would_pass
    message = (
        f"It is not known who makes the e-Invoice of this sale: us, or {source}. {target} makes one"
        " of this document, which could be the second one."
    )
    would_pass = (
        f"an administrator sets on the page of {source} who makes the e-Invoices of its sales"
    )
    return message, f"Not known who makes the e-Invoices of {source}", would_pass
