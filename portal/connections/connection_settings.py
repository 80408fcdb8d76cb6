"""The settings of a connection, changed in the browser, and its lists read before their hour.

Here: the form with what is stored, and saving it; asking for the lists. Not here: what follows from
a change (holding/rulesets/new_connections.py), the plan of the lists (holding/code_lists).
"""

from flask import Blueprint, Response, abort, g, request

from connectors import registry
from connectors.contract import ConnectionForm
from holding.connections.connections import ConnectionRow
from holding.db.refusal import Refusal
from holding.intake import deliveries as source_tests
from holding.mappings import list_turns
from holding.platform import processes as doorbell
from holding.rulesets.new_connections import change_settings
from portal.connections import declared_form
from portal.connections.new_connection import tested
from portal.pages import connections
from portal.web import fragments, store

pages = Blueprint("connsettings", __name__, url_prefix="/c/<co>/connections")


@pages.get("/<name>/settings")
def show(name: str) -> Response:
    """The form, filled with what is stored."""
    row = connections.row_of(name)
    return _page(row, _form(row), {}, {})


@pages.post("/<name>/settings")
def save(name: str) -> Response:
    """Store what was changed; a target is tested then."""
    row = connections.row_of(name)
    form = _form(row)
    values = declared_form.values_of(form, request.form)
    problems = declared_form.problems_of(form, values)
    if problems:
        return _page(row, form, values, problems, status=422)
    with store.writing() as session:
        changed = change_settings(session, g.actor, row.id, values, now=g.now)
    if isinstance(changed, Refusal):
        return fragments.refuse(changed, back=connections.url_of(name))
    if not changed:
        return fragments.moved(connections.url_of(name), f"Nothing of {name} was changed.")
    doorbell.ring(g.company.id, "evaluate")
    labels = [one.label for one in form.settings if one.name in changed]
    said = f"{name} was changed: {', '.join(labels)}."
    after = connections.row_of(name)
    if row.key_tail and after.key_tail is None:
        said += " Its key was given for another host: paste it again."
    asked = form.key is not None and not form.key.optional and after.key_tail is None
    if asked or not source_tests.is_testable(row.side, row.connector, after.settings):
        return fragments.moved(connections.url_of(name), said)
    return tested(row.id, name, said)


def _form(row: ConnectionRow) -> ConnectionForm:
    form = registry.form_of(row.side, row.connector)
    if form is None:
        abort(404)
    return form


def _page(
    row: ConnectionRow,
    form: ConnectionForm,
    values: dict[str, str],
    problems: dict[str, str],
    *,
    status: int = 200,
) -> Response:
    stored = {name: str(value) for name, value in row.settings.items()}
    return fragments.respond(
        "connections/settings.html",
        status=status,
        row=row,
        form=form,
        testable=source_tests.is_testable(row.side, row.connector, row.settings),
        values=stored | values,
        problems=problems,
    )


@pages.post("/<name>/lists")
def read_lists(name: str) -> Response:
    """Read all lists of a target at once, whatever its plan says."""
    row = connections.row_of(name)
    with store.writing() as session:
        refusal = list_turns.ask(session, g.actor, row.id, g.now)
    if refusal is not None:
        return fragments.refuse(refusal, back=connections.url_of(name))
    doorbell.ring(g.company.id, "lists")
    said = f"The lists of {name} are being read. What changed stands on the page Lists of codes."
    return fragments.moved(f"{connections.url_of(name)}#lists", said)
