"""Which roles may use each view, written by hand as an auditor would check it.

The permissions of the views are compared with these tables. The roles of the pages that the walk
opens are in tests/browser/walk.toml.
"""

from collections.abc import Mapping
from typing import Final

from holding.access.actors import ROLES

ALL: Final = frozenset(ROLES)
CLERK, SUPERVISOR = frozenset({"finance"}), frozenset({"approver"})
EITHER = CLERK | SUPERVISOR
ADMIN, AUDITOR = frozenset({"admin"}), frozenset({"auditor"})
AUTHOR, PUBLISHER = frozenset({"consultant"}), frozenset({"publisher"})
MAPPERS = CLERK | ADMIN
OPERATORS = ADMIN | {"operator"}

ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    "holding.release holding.reject holding.link holding.look holding.approve": SUPERVISOR,
    "holding.again holding.overwrite api.overwrite": SUPERVISOR,
    "desk.ask_source desk.look_for api.ask_source": EITHER,
    "api.approve api.release api.reject api.link api.look api.send_again": SUPERVISOR,
    "desk.retry desk.assign desk.snooze desk.comment periods.reopen periods.redirect": EITHER,
    "desk.message": EITHER,
    "api.retry api.look_for_entry api.assign api.snooze api.reopen api.redirect": EITHER,
    "desk.correct periods.date api.correct api.date": CLERK,
    "onboarding.set_cutover onboarding.look_there onboarding.go_live": ADMIN,
    "onboarding.start_dry_run settings.rename settings.fallback settings.due": ADMIN,
    "settings.second_factor": ADMIN,
    "desk.override connections.test stops.limit api.override": ADMIN,
    "signals.failures signals.close_day connauth.begin connauth.disconnect": ADMIN,
    "newconn.create connsettings.save connkeys.add connkeys.test connkeys.delete": ADMIN,
    "webhook.replace webhook.send": ADMIN,
    "notices.times notices.add notices.remove notices.test": ADMIN,
    "mappings.fix mappings.save_all mappings.save_entry mappings.accept_merge": MAPPERS,
    "mappings.refuse_merge mappings.give_list mappings.look mappings.accept_exact": MAPPERS,
    "mappings.remove_entry mappings.preview_exact mappings.upload_workbook": MAPPERS,
    "mappings.preview_all": MAPPERS,
    "mappings.save_workbook connections.rates": MAPPERS,
    "connections.pause connections.resume connections.end_restore": OPERATORS,
    "connections.sync connections.daily": OPERATORS,
    "connections.read connections.pull connsettings.read_lists records.read": OPERATORS,
    "operations.requeue operations.drain": OPERATORS,
    "stops.resume stops.keep": OPERATORS | SUPERVISOR,
    "editor.submit editor.check editor.suggest editor.discard editor.save_test": AUTHOR,
    "editor.begin editor.begin_again editor.remove editor.try_record": AUTHOR,
    "trials.begin trials.end backtests.begin backtests.stop": AUTHOR,
    "rulebook.push_draft connections.hours onboarding.draft_rules": AUTHOR,
    "changes.publish changes.start changes.drop_start changes.go_back": PUBLISHER,
    "changes.send_back": PUBLISHER,
    "changes.comment changes.test": AUTHOR | PUBLISHER,
    "changes.take_up": AUTHOR,
    "uploads.begin uploads.columns uploads.days uploads.confirm": CLERK | AUTHOR,
    "uploads.cancel uploads.again": CLERK | AUTHOR,
    "importfiles.download importfiles.outcome importfiles.listing": CLERK,
    "importfiles.confirm importfiles.withdraw": CLERK,
    "evidence.make evidence.note evidence.note_event": AUDITOR,
    "audit.verify": AUDITOR | ADMIN,
    "deputies.appoint": SUPERVISOR | ADMIN,
    "people.invite people.cancel people.change people.sources people.reset people.leave": ADMIN,
    "factors.require factors.end oidc.end asking.decline": ADMIN,
}
"""Views of a company that change something, and the roles that may use them."""

FOR_ALL: Final = frozenset(
    {
        *("desk.do_many", "api.do_many", "desk.take_back", "deputies.end", "asking.ask"),
        *("views.keep", "views.change", "views.delete", "mappings.preview_entry"),
        *("escalations.make", "escalations.sent", "escalations.deliver"),
    }
)
"""POST views that every role may use.

A preview changes nothing, every user may escalate a record or request a right, and a view is the
user's own. The services of the other views check the act for each hold or person.
"""

FILES_AND_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "records.request_body": CLERK | SUPERVISOR | AUDITOR,
    "mappings.sheet": CLERK | SUPERVISOR | AUDITOR | ADMIN,
    "mappings.workbook_file": ALL - {"viewer", "operator"},
    "mappings.preview": MAPPERS,
    "rulebook.proposed_draft": AUTHOR,
    "connauth.back": ADMIN,
    "desk.done desk.step find.step runs.step mappings.merge mappings.values": ALL,
    "failures.of_connection failures.of_run escalations.download": ALL,
    "importfiles.show rulebook.download uploads.file uploads.errors": ALL,
    "api.listing api.records api.described": ALL,
    "desk.consider": ALL,
}
"""GET views of a company that are not in the walk, or whose page refuses more roles by itself."""

PUBLIC_VIEWS: Final = frozenset(
    {
        *("static", "health.healthz", "health.worker", "hooks.receive", "metrics.show"),
        *(
            "signin.form",
            "signin.enter",
            "signin.enter_as",
            "join.form",
            "join.enter",
            "setup.first",
            "setup.create",
        ),
        *("secondstep.form", "secondstep.enter", "secondstep.setup"),
        *("oidc.start", "oidc.back"),
        *("secondstep.begin", "secondstep.confirm", "staying.ask"),
        *("help.index", "help.support", "help.show"),
    }
)
"""Views without a sign-in."""

OWN_VIEWS: Final = frozenset(
    {
        *("signin.leave", "signin.home", "signin.companies", "staying.stay"),
        *("another.form", "another.create"),
        *("me.show", "me.save", "me.utc", "me.lines", "me.password", "me.end_session"),
        "me.everywhere",
        *("oidc.connect", "oidc.disconnect"),
        *("factor.show", "factor.begin", "factor.confirm", "factor.codes", "factor.off"),
    }
)
"""Views outside any company, for every signed-in user."""


def roles_by_view(table: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return the roles of each view of a table whose keys name several views."""
    return {view: roles for views, roles in table.items() for view in views.split()}
