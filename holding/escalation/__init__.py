"""Clearpost holding.escalation: what goes to a support desk, and what changed before."""
