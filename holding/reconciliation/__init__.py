"""Clearpost holding.reconciliation: what targets really hold, beside ours."""
