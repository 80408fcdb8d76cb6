"""Which act a person needs for each route of the application.

Here: the table. Not here: which role may do an act (holding/access/actors.py), asking it
(security.py).
"""

from typing import Final

from holding.access.actors import Actor
from holding.db.refusal import Refusal

FILE: Final = ":file"
"""What the endpoint of a page's list as a file has after that of the page: who may open the one may
fetch the other.
"""
PART: Final = "#"
"""What stands between a page and the part of it that is a list, where the page is more than one."""
PUBLIC: Final = "public"  # nobody needs to be signed in
SIGNED_IN: Final = "signed in"  # any person, no company yet
PERMISSIONS: Final[dict[str, str]] = {
    "static": PUBLIC,
    "health.healthz": PUBLIC,
    "health.worker": PUBLIC,
    "hooks.receive": PUBLIC,  # proves itself by its signature
    "signin.form": PUBLIC,
    "signin.enter": PUBLIC,
    "signin.leave": SIGNED_IN,
    # prove themselves by a cookie, which the right password brings
    **dict.fromkeys(("secondstep.form", "secondstep.enter", "secondstep.setup"), PUBLIC),
    **dict.fromkeys(("secondstep.begin", "secondstep.confirm"), PUBLIC),
    "staying.ask": PUBLIC,  # says only when one's own session ends
    "staying.stay": SIGNED_IN,
    "signin.home": SIGNED_IN,
    "signin.companies": SIGNED_IN,
    "setup.first": PUBLIC,  # the address is the proof, and works once
    "setup.create": PUBLIC,
    "onboarding.choose_rules": "rules.draft",
    "onboarding.draft_rules": "rules.draft",
    "onboarding.consider_dry_run": "company.setup",
    "onboarding.start_dry_run": "company.setup",
    "changes.show": "record.read",
    "changes.publish": "rules.publish",
    "changes.listing": "record.read",
    "changes.start": "rules.publish",
    "changes.drop_start": "rules.publish",
    "changes.comment": "rules.discuss",
    "changes.test": "rules.discuss",
    "changes.send_back": "rules.publish",
    "changes.take_up": "rules.draft",
    "changes.version": "record.read",
    "changes.go_back": "rules.publish",
    "onboarding.cutover": "company.setup",
    "onboarding.set_cutover": "company.setup",
    "onboarding.look_there": "company.setup",
    "onboarding.consider": "company.setup",
    "onboarding.go_live": "company.setup",
    "settings.show": "record.read",
    "settings.rename": "company.setup",
    "settings.fallback": "company.setup",
    "settings.due": "company.setup",
    **dict.fromkeys(("help.index", "help.support", "help.show"), PUBLIC),  # signed in or not
    "join.form": PUBLIC,  # proves itself by its token
    "join.enter": PUBLIC,
    **dict.fromkeys(  # one's own account
        (
            *("me.show", "me.save", "me.utc", "me.password", "me.end_session", "me.everywhere"),
            *("factor.show", "factor.begin", "factor.confirm", "factor.codes", "factor.off"),
        ),
        SIGNED_IN,
    ),
    "factors.require": "people.admin",
    "factors.end": "people.admin",
    "people.listing": "record.read",
    "people.invitation": "people.admin",
    "people.invite": "people.admin",
    "people.cancel": "people.admin",
    "people.show": "people.admin",
    "people.change": "people.admin",
    "people.sources": "people.admin",
    "people.reset": "people.admin",
    "people.leave": "people.admin",
    "asking.form": "record.read",
    "asking.ask": "record.read",
    "asking.decline": "people.admin",
    "dashboard.show": "record.read",
    "holding.listing": "record.read",
    "holding.inbox": "record.read",
    "approvals.listing": "record.read",  # one's own
    "approvals.show": "record.read",
    "views.listing": "record.read",
    "views.keep": "record.read",
    "views.change": "record.read",  # one's own
    "views.delete": "record.read",
    "holding.show": "record.read",
    "holding.release": "posting.approve",
    "holding.reject": "posting.approve",
    "holding.link": "posting.approve",
    "holding.look": "posting.approve",
    "desk.retry": "hold.retry",
    "desk.message": "hold.retry",
    "desk.override": "retry.override",
    "desk.correct": "record.edit",
    "desk.assign": "hold.assign",
    "desk.snooze": "hold.assign",
    "periods.date": "record.edit",
    "periods.reopen": "hold.assign",
    "periods.redirect": "hold.assign",
    "desk.comment": "hold.assign",
    "desk.consider": "record.read",  # what each act needs besides, its service asks for
    "desk.do_many": "record.read",
    "desk.done": "record.read",  # one's own form
    "desk.take_back": "record.read",
    "desk.ageing": "record.read",
    "desk.step": "record.read",
    "holding.consider": "posting.approve",
    "holding.approve": "posting.approve",
    "mappings.missing": "record.read",
    "mappings.values": "record.read",
    "mappings.table": "record.read",
    "mappings.preview": "mapping.fix",
    "mappings.fix": "mapping.fix",
    "mappings.entry": "record.read",
    "mappings.preview_entry": "record.read",
    "mappings.save_entry": "mapping.fix",
    "mappings.remove_entry": "mapping.fix",
    "mappings.parties_found": "record.read",
    "mappings.merge": "record.read",
    "mappings.accept_merge": "mapping.fix",
    "mappings.refuse_merge": "mapping.fix",
    "mappings.exact": "record.read",
    "mappings.preview_exact": "mapping.fix",
    "mappings.accept_exact": "mapping.fix",
    "mappings.unit_proof": "record.read",
    "mappings.lists": "record.read",
    "mappings.give_list": "mapping.fix",
    "mappings.look": "mapping.fix",
    "mappings.list_changes": "record.read",
    "mappings.unpaid": "record.read",
    "mappings.workbook": "record.read",
    "mappings.workbook_file": "mapping.read",
    "mappings.upload_workbook": "mapping.fix",
    "mappings.save_workbook": "mapping.fix",
    "mappings.moved": "record.read",
    "mappings.sheet": "record.pii",
    "records.show": "record.read",
    "records.request_body": "record.pii",
    "runs.listing": "record.read",
    "runs.show": "record.read",
    "runs.pushes": "record.read",
    "runs.step": "record.read",
    "reconcile.show": "record.read",
    "connections.listing": "record.read",
    "connections.show": "record.read",
    "connections.test": "connection.admin",
    "connections.rates": "mapping.fix",
    "newconn.choose": "connection.admin",
    "newconn.create": "connection.admin",
    "connsettings.show": "connection.admin",
    "connsettings.save": "connection.admin",
    "connkeys.add": "connection.admin",
    "connkeys.test": "connection.admin",
    "connkeys.delete": "connection.admin",
    "connauth.begin": "connection.admin",
    "connauth.back": "connection.admin",
    "connauth.disconnect": "connection.admin",
    "webhook.replace": "connection.admin",
    "webhook.send": "connection.admin",
    "connections.pause": "run.operate",
    "connections.read": "run.operate",
    "connections.pull": "run.operate",
    "connsettings.read_lists": "run.operate",
    "records.read": "run.operate",
    "connections.resume": "run.operate",
    "connections.daily": "run.operate",
    "connections.hours": "rules.draft",
    "connections.consider": "run.operate",
    "connections.sync": "run.operate",
    "stops.listing": "record.read",
    "stops.resume": "stop.decide",
    "stops.keep": "stop.decide",
    "stops.limit": "connection.admin",
    "late.listing": "record.read",
    "operations.show": "record.read",
    "operations.requeue": "run.operate",
    "operations.drain": "run.operate",
    "metrics.show": PUBLIC,  # proves itself by a token, or by asking from this machine
    "audit.listing": "record.read",  # one's own acts; those of others with audit.read
    "audit.verify": "audit.read",
    "evidence.show": "record.read",
    "evidence.make": "audit.export",
    "evidence.note": "audit.note",
    "evidence.event": "audit.note",
    "evidence.note_event": "audit.note",
    "notices.listing": "record.read",
    "notices.times": "company.setup",
    "notices.add": "company.setup",
    "notices.remove": "company.setup",
    "notices.test": "company.setup",
    "signals.listing": "record.read",
    "signals.failures": "company.setup",
    "signals.close_day": "company.setup",
    "failures.of_connection": "record.read",  # without personal data, whoever asks
    "failures.of_run": "record.read",
    "escalations.show": "record.read",
    "escalations.make": "record.read",
    "escalations.packet": "record.read",  # one with personal data: who may view those
    "escalations.download": "record.read",
    "escalations.sent": "record.read",
    "escalations.deliver": "record.read",
    "rulebook.show": "record.read",
    "rulebook.catalogue": "record.read",
    "rulebook.proposed": "record.read",
    "rulebook.proposed_draft": "rules.draft",
    "rulebook.push_draft": "rules.draft",
    "rulebook.download": "record.read",
    "rulebook.file": "record.read",
    "backtests.show": "record.read",
    "backtests.begin": "rules.draft",
    "backtests.stop": "rules.draft",
    "backtests.records": "record.read",
    "trials.differences": "record.read",
    "trials.begin": "rules.draft",
    "trials.end": "rules.draft",
    "trials.replay": "record.read",
    "editor.show": "record.read",
    "editor.check": "rules.draft",
    "editor.submit": "rules.draft",
    "editor.suggest": "rules.draft",
    "editor.try_record": "rules.draft",
    "editor.save_test": "rules.draft",
    "editor.discard": "rules.draft",
    "editor.begin": "rules.draft",
    **dict.fromkeys(("editor.remove", "editor.begin_again"), "rules.draft"),
    "find.find": "record.read",
    "find.step": "record.read",
    "importfiles.show": "record.read",
    "importfiles.download": "import.tell",
    "importfiles.outcome": "import.tell",
    "importfiles.listing": "import.tell",
    "importfiles.confirm": "import.tell",
    "importfiles.withdraw": "import.tell",
    "uploads.listing": "record.read",
    "uploads.show": "record.read",  # what was not confirmed: its person alone
    "uploads.begin": "upload",
    "uploads.columns": "upload",
    "uploads.days": "upload",
    "uploads.confirm": "upload",
    "uploads.cancel": "upload",
    "uploads.again": "upload",
    "uploads.file": "record.read",  # its person, and who may see personal data
    "uploads.errors": "record.read",  # the same
    "deputies.listing": "record.read",
    "deputies.appoint": "deputy.name",
    "deputies.end": "record.read",  # the deputy ends it, too, whatever their role
    "api.listing": "record.read",
    "api.records": "record.read",
    "api.described": "record.read",
    "api.approve": "posting.approve",
    "api.release": "posting.approve",
    "api.reject": "posting.approve",
    "api.link": "posting.approve",
    "api.look": "posting.approve",
    "api.retry": "hold.retry",
    "api.override": "retry.override",
    "api.assign": "hold.assign",
    "api.snooze": "hold.assign",
    "api.correct": "record.edit",
    "api.date": "record.edit",
    "api.reopen": "hold.assign",
    "api.redirect": "hold.assign",
    "api.do_many": "record.read",
}

OF_SOME_SOURCES: Final = frozenset(
    {
        *("dashboard.show", "asking.form", "asking.ask"),
        *("holding.listing", "holding.inbox", "holding.show", "holding.release", "holding.reject"),
        *("holding.link", "holding.look", "holding.consider", "holding.approve"),
        *("approvals.listing", "approvals.show", "periods.redirect"),
        *("views.listing", "views.keep", "views.change", "views.delete"),
        *("desk.retry", "desk.message", "desk.override", "desk.correct", "desk.assign"),
        *("desk.snooze", "desk.comment", "desk.consider", "desk.do_many", "desk.done"),
        *("desk.take_back", "desk.ageing", "desk.step", "periods.date", "periods.reopen"),
        *("records.show", "records.request_body", "find.find", "find.step", "late.listing"),
        *("runs.listing", "runs.show", "runs.pushes", "runs.step", "failures.of_run"),
        *("uploads.listing", "uploads.show", "uploads.begin", "uploads.columns", "uploads.days"),
        *("uploads.confirm", "uploads.cancel", "uploads.again", "uploads.file", "uploads.errors"),
        *("api.listing", "api.records", "api.described", "api.approve", "api.release"),
        *("api.reject", "api.link", "api.look", "api.retry", "api.override", "api.assign"),
        *("api.snooze", "api.correct", "api.date", "api.reopen", "api.redirect", "api.do_many"),
    }
)
"""The routes of a company that say nothing beyond the sources of a limited person. All others are
closed to them: a new page is, too, until somebody has looked.
"""


def page_of(endpoint: str) -> str:
    """The page whose list a route hands out as a file; of any other route the route itself."""
    return list_of(endpoint).partition(PART)[0]


def list_of(endpoint: str) -> str:
    """The list that a route hands out as a file: a page, or `page#part`."""
    return endpoint.removesuffix(FILE)


def act_of(endpoint: str) -> str:
    """What a person needs for a route."""
    return PERMISSIONS[page_of(endpoint)]


def closed(actor: Actor, endpoint: str | None) -> Refusal | None:
    """Why a person who works with some sources only cannot open this route; else None."""
    if not actor.reach.limited or page_of(endpoint or "") in OF_SOME_SOURCES:
        return None
    words = (
        "You cannot open this page, because you work with some sources only and it is about all."
    )
    return Refusal("reach.limited", words, "An administrator sees and changes your sources.", 403)
