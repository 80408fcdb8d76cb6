"""Rules that a page has looked at, and how it says that nobody was free to look.

Here: the looks of this application. Not here: how they are made and limited
(holding/rulesets/check_processes.py).
"""

from flask import Flask, Response, current_app

from holding.refusal import Refusal
from holding.rulesets.check_processes import RETRY_SECONDS, RuleChecks
from holding.runtime.settings import Settings


def init(app: Flask, settings: Settings) -> None:
    """Give the application its looks; none of their processes runs before one is asked for."""
    app.extensions["rule_checks"] = RuleChecks(settings.check_seconds)


def checks() -> RuleChecks:
    """The looks of this application."""
    found: RuleChecks = current_app.extensions["rule_checks"]
    return found


def come_again(answer: Response, refusal: Refusal) -> Response:
    """Tell programs when it is worth trying again."""
    if refusal.status == 503:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
