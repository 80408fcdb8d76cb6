"""The pages of a company from its set-up to going live, and its settings afterwards.

Here: the list of the blueprints; cutover_pages and rule_choice add views to checklist. Not here:
what they show.
"""

from portal.company import checklist, rule_choice, settings_page

__all__ = ["BLUEPRINTS", "cutover_pages", "rule_choice"]

BLUEPRINTS = (rule_choice.setup_pages, checklist.pages, settings_page.pages)
