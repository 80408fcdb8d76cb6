"""The filter of the holding area on its pages: the list of their blueprints.

Here: the list of them. Not here: what they show.
"""

from portal.hold_views import view_pages

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (view_pages.pages,)
