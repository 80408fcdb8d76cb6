"""Clearpost holding.approvals: all of four eyes, and no other act on a hold."""
