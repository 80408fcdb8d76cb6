"""Clearpost portal.totals: the page that compares daily totals, and its files.

Here: the list of the blueprints. Not here: what is added up (holding/reconciliation).
"""

from portal.totals import daily_page

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (daily_page.pages,)
