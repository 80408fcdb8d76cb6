"""The pages for operators: queues, metrics, the audit log, notices, escalations and failures."""

from portal.operations import audit_log, escalation_pages, failure_pages, metrics

BLUEPRINTS = (
    audit_log.audit_pages,
    escalation_pages.escalation_pages,
    failure_pages.pages,
    escalation_pages.notice_pages,
    audit_log.signal_pages,
    metrics.queue_pages,
    metrics.metrics_pages,
)
