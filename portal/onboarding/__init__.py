"""The pages of a company from its set-up to going live: first company, checklist, cutover.

Here: the list of the blueprints; rule_choice adds views to checklist. Not here: what they show.
"""

from portal.onboarding import checklist, first_company, rule_choice

__all__ = ["BLUEPRINTS", "rule_choice"]

BLUEPRINTS = (first_company.setup_pages, checklist.pages)
