"""Daily totals compared with the accounting system, and the files for manual import."""

from portal.reconciliation import daily_page, file_pages

BLUEPRINTS = (
    daily_page.pages,
    file_pages.pages,
)
