"""Clearpost portal.evidence: what auditors and support ask for: the audit log and its files.

Here: the list of the blueprints. Not here: what happened (holding/audit).
"""

from portal.evidence import audit_log

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (audit_log.pages,)
