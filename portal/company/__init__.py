"""The pages of a company: its set-up until it goes live, and its settings afterwards."""

from portal.company import checklist, new_company, rule_choice, settings_page

__all__ = ["BLUEPRINTS", "rule_choice"]  # it adds views to checklist.pages

BLUEPRINTS = (
    new_company.setup_pages,
    new_company.another_pages,
    checklist.pages,
    settings_page.pages,
)
