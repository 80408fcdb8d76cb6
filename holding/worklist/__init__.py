"""Read-only lists and pages of waiting work: holds, approvals, ageing, search and dashboard."""
