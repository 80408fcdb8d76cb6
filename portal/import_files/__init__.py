"""Clearpost portal.import_files: a file for a target, from its download to the end of its import.

Here: the blueprint. Not here: what may be done with a file (holding/import_files).
"""

from portal.import_files import file_pages

__all__ = ["BLUEPRINT"]

BLUEPRINT = file_pages.pages
