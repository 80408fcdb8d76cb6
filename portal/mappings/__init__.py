"""The pages of mappings: missing values, exact matches, tables, lists of codes, merged parties."""

from portal.mappings import exact_pages, mapping_changes, mapping_pages

__all__ = ["BLUEPRINTS", "exact_pages", "mapping_changes"]  # both add views to mapping_pages.pages

BLUEPRINTS = (mapping_pages.pages,)
