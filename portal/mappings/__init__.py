"""The pages of mappings: what is missing, the choice of a value, the tables, merged parties.

Here: the list of the blueprints; the other modules add views to mapping_pages. Not here: what they
show.
"""

from portal.mappings import exact_pages, mapping_changes, mapping_pages

__all__ = ["BLUEPRINTS", "exact_pages", "list_pages", "mapping_changes", "unit_pages"]
__all__ += ["unpaid_page", "workbook_pages"]

mapping_pages.pages.before_request(mapping_pages.closed)

BLUEPRINTS = (mapping_pages.pages,)
