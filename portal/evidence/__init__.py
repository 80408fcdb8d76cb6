"""Clearpost portal.evidence: what auditors and support ask for: audit log, packets, notes, signals.

Here: the list of the blueprints. Not here: what happened (holding/audit).
"""

from portal.evidence import audit_log, escalation_pages, packet_pages, signal_pages

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (audit_log.pages, escalation_pages.pages, packet_pages.pages, signal_pages.pages)
