"""The pages of mappings: missing values, exact matches, tables, lists of codes, merged parties."""

from portal.mappings import exact_pages, fill_in_pages, mapping_changes, mapping_pages

# These modules add views to mapping_pages.pages.
__all__ = ["BLUEPRINTS", "exact_pages", "fill_in_pages", "mapping_changes"]

BLUEPRINTS = (mapping_pages.pages,)
