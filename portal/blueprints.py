"""List the blueprints of the pages on holds, records, runs, rules and operations."""

from portal.connections import connections
from portal.holds import exceptions, hold_filter, worklist
from portal.intake import webhooks
from portal.operations import audit_log, escalation_pages, failure_pages
from portal.records import packet_pages, records
from portal.rulesets import rulesets
from portal.runs import runs
from portal.worklist import dashboard

BLUEPRINTS = (
    dashboard.pages,
    worklist.pages,
    exceptions.pages,
    exceptions.period_pages,
    records.pages,
    runs.pages,
    connections.pages,
    dashboard.late_pages,
    rulesets.pages,
    dashboard.find_pages,
    runs.stop_pages,
    webhooks.hooks,
    webhooks.health,
    hold_filter.view_pages,
    hold_filter.pages,
    audit_log.audit_pages,
    escalation_pages.escalation_pages,
    failure_pages.pages,
    escalation_pages.notice_pages,
    packet_pages.pages,
    audit_log.signal_pages,
)
