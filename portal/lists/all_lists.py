"""Every list of a page, by the page that shows it; `page#part` where a page has several.

Here: the table. A test walks all routes: a page is in it, or has a reason why not. Not here: the
rows of a list (the other modules of this room), how it is handed out (downloads.py).
"""

from collections.abc import Mapping
from typing import Final

from portal.lists import (
    cause_lists,
    company_lists,
    connection_lists,
    hold_lists,
    mapping_lists,
    record_lists,
    rule_lists,
    run_lists,
    total_lists,
)
from portal.lists.downloads import Make

LISTS: Final[Mapping[str, Make]] = {
    "dashboard.show#dashboard": cause_lists.top_causes,
    "records.show#trace": record_lists.timeline,
    "records.show#lineage": record_lists.lineage,
    "onboarding.consider_dry_run": company_lists.dry_run,
    "holding.listing": hold_lists.holding,
    "holding.inbox": hold_lists.inbox,
    "approvals.show": hold_lists.approval,
    "desk.ageing": hold_lists.by_owner,
    "late.listing": hold_lists.late,
    "find.find": hold_lists.found,
    "runs.listing": run_lists.all_runs,
    "runs.show": run_lists.documents,
    "runs.pushes": run_lists.pushes,
    "reconcile.show": total_lists.reconciliation,
    "connections.listing": connection_lists.connections,
    "stops.listing": connection_lists.stops,
    "operations.show": connection_lists.operations,
    "mappings.missing": mapping_lists.missing,
    "mappings.exact": mapping_lists.exact,
    "mappings.table": mapping_lists.entries,
    "mappings.unit_proof": mapping_lists.units,
    "mappings.lists": mapping_lists.code_lists,
    "mappings.list_changes": mapping_lists.code_changes,
    "mappings.unpaid": mapping_lists.unpaid,
    "mappings.parties_found": mapping_lists.parties,
    "rulebook.catalogue": rule_lists.reasons,
    "rulebook.proposed": rule_lists.proposals,
    "changes.listing": rule_lists.changes,
    "backtests.show": rule_lists.backtest,
    "backtests.records": rule_lists.backtest_records,
    "trials.differences": rule_lists.shadow,
    "settings.show": company_lists.settings,
    "people.listing": company_lists.people,
    "deputies.listing": company_lists.deputies,
    "audit.listing": company_lists.audit,
    "notices.listing": company_lists.messages,
    "signals.listing": company_lists.signals,
    "uploads.listing": company_lists.uploads,
}
