"""The dashboard, the search, and the list of documents not yet posted."""

from portal.worklist import dashboard

BLUEPRINTS = (
    dashboard.pages,
    dashboard.late_pages,
    dashboard.find_pages,
)
