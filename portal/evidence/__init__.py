"""Clearpost portal.evidence: what auditors and support ask for, and who is told.

Here: the list of the blueprints. Not here: what happened (holding/audit).
"""

from portal.evidence import (
    audit_log,
    escalation_pages,
    failure_pages,
    notice_pages,
    packet_pages,
    signal_pages,
)

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (
    audit_log.pages,
    escalation_pages.pages,
    failure_pages.pages,
    notice_pages.pages,
    packet_pages.pages,
    signal_pages.pages,
)
