"""The rule book, its files in the browser editor, and the review and publication of changes."""

from portal.rulesets import changes, editor, rulesets

BLUEPRINTS = (
    rulesets.pages,
    changes.pages,
    editor.pages,
)
