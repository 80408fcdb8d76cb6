"""Clearpost portal.uploads: files that people give in, from the drop to what became of them.

Here: the blueprint. Not here: the check and the import (holding/uploads).
"""

from portal.uploads import upload_pages

__all__ = ["BLUEPRINT"]

BLUEPRINT = upload_pages.pages
