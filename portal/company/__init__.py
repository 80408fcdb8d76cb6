"""The pages of a company: its set-up until it goes live, and its settings afterwards."""

from portal.company import checklist, rule_choice, settings_page

BLUEPRINTS = (
    rule_choice.setup_pages,
    checklist.pages,
    settings_page.pages,
)
