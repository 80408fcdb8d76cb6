"""Rules that a page has looked at, and how it says that nobody was free to look.

Here: the looks of this application, and what a page tells of coverage. Not here: how they are made
and limited (holding/rulesets/check_processes.py).
"""

from collections.abc import Mapping
from typing import Final

from flask import Flask, Response, current_app

from holding.db.refusal import Refusal
from holding.platform.settings import Settings
from holding.rulesets.admission import Coverage, Report
from holding.rulesets.check_processes import RETRY_SECONDS, RuleChecks


def init(app: Flask, settings: Settings) -> None:
    """Give the application its looks; none of their processes runs before one is asked for."""
    app.extensions["rule_checks"] = RuleChecks(settings.check_seconds)


def checks() -> RuleChecks:
    """The looks of this application."""
    found: RuleChecks = current_app.extensions["rule_checks"]
    return found


Proofs = Mapping[str, Coverage | Refusal | None]
"""How much of rules their tests prove, or why that was not measured, by the names of templates."""
NO_PROOFS: Final[Proofs] = {"coverage": None, "unmeasured": None}


def proofs(files: Mapping[str, str], found: Report) -> Proofs:
    """The proofs of rules of which this was found; nothing is measured where a test failed."""
    if found.failed or found.ran is None:
        return NO_PROOFS
    told = checks().coverage(files)
    name = "unmeasured" if isinstance(told, Refusal) else "coverage"
    return {**NO_PROOFS, name: told}


def come_again(answer: Response, refusal: Refusal) -> Response:
    """Tell programs when it is worth trying again."""
    if refusal.status == 503:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
