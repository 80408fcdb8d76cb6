"""The pages of sync runs, the posting log and stopped routes."""

from portal.runs import runs

BLUEPRINTS = (
    runs.pages,
    runs.stop_pages,
)
