"""Clearpost portal.reconciliation: compare daily totals with the accounting system, and files for import."""

from portal.reconciliation import daily_page, file_pages

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (daily_page.pages, file_pages.pages)
