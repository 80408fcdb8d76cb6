"""The filter of the holding area on its pages, what approvals came to: the list of blueprints.

Here: the list of them. Not here: what they show.
"""

from portal.hold_views import approval_results, view_pages

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (view_pages.pages, approval_results.pages)
