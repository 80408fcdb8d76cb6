"""Declare the permission of each view on the view itself, and read it from the application."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from flask import Flask

from holding.access.actors import ACTS

PUBLIC: Final = "public"  # open without an account

SIGNED_IN: Final = "signed in"  # open to every signed-in user, outside any company

FILE: Final = ":file"
"""The suffix that makes a page's endpoint the endpoint of its list as a file. A file requires the
permission of its page.
"""

PART: Final = "#"
"""The separator between a page's endpoint and one of its lists, for a page with several lists."""

View = TypeVar("View", bound=Callable[..., Any])


def needs(act: str) -> Callable[[View], View]:
    """Return a decorator that requires an act of `holding.access.actors.ACTS` for a view.

    Write it below the route decorator. The application does not start when a decorator that
    replaces the function hides the permission.
    """
    if act not in ACTS:
        message = f"@needs({act!r}): holding/access/actors.py has no such act."
        raise ValueError(message)
    return partial(_declare, act)


def public(view: View) -> View:
    """Open a view to every visitor; a view that checks a token or a signature does so itself."""
    return _declare(PUBLIC, view)


def signed_in(view: View) -> View:
    """Open a view to every signed-in user, whatever their company and roles."""
    return _declare(SIGNED_IN, view)


def _declare(permission: str, view: View) -> View:
    declared = _declared(view)
    if declared is not None:  # two decorators: their order would decide which one counts
        message = f"{_name(view)} declares two permissions: {declared} and {permission}."
        raise ValueError(message)
    view.permission = permission  # type: ignore[attr-defined]  # functions accept attributes
    return view


def permission_of(app: Flask, endpoint: str) -> str:
    """Return what a route requires: an act, `SIGNED_IN` or `PUBLIC`."""
    permission = _declared(app.view_functions.get(page_of(endpoint)))
    if permission is None:
        raise RuntimeError(_missing(app, [endpoint]))
    return permission


def check_permissions(app: Flask) -> None:
    """Raise an error that names every view without a permission."""
    endpoints = sorted({*app.view_functions, *(rule.endpoint for rule in app.url_map.iter_rules())})
    undeclared = [
        endpoint
        for endpoint in endpoints
        if _declared(app.view_functions.get(page_of(endpoint))) is None
    ]
    if undeclared:
        raise RuntimeError(_missing(app, undeclared))


def _declared(view: Callable[..., Any] | None) -> str | None:
    permission: str | None = getattr(view, "permission", None)
    return permission


def _missing(app: Flask, endpoints: list[str]) -> str:
    views = ", ".join(
        f"{_name(app.view_functions.get(endpoint))} (endpoint {endpoint})" for endpoint in endpoints
    )
    return (
        f"Views without a permission: {views}. Write one of @needs(ACT), @signed_in and @public "
        "from portal/web/permissions.py below the route decorator of each view. "
        "ACT is an act of holding/access/actors.py."
    )


def _name(view: Callable[..., Any] | None) -> str:
    return f"{getattr(view, '__module__', '?')}.{getattr(view, '__qualname__', '?')}"


def page_of(endpoint: str) -> str:
    """Return the endpoint of the page whose list this route serves as a file.

    Any other endpoint is returned unchanged.
    """
    return list_of(endpoint).partition(PART)[0]


def list_of(endpoint: str) -> str:
    """Return the list that a route serves as a file: `page` or `page#part`."""
    return endpoint.removesuffix(FILE)
