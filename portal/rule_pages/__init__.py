"""Rules in the browser: the list of its blueprints.

Here: the list of them. Not here: what they show, and the rule book (portal/pages/rulesets.py).
"""

from portal.rule_pages import backtests, changes, editor, trials

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (changes.pages, backtests.pages, editor.pages, trials.pages)
