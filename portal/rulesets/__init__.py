"""Rules in the browser: the list of its blueprints.

Here: the list of them. Not here: what they show, and the rule book (portal/rulesets/rulesets.py).
"""

from portal.rulesets import changes, editor
from portal.trials import backtests

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (changes.pages, backtests.backtest_pages, editor.pages, backtests.trial_pages)
