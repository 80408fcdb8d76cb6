"""Clearpost holding.evidence: one record as a file to check elsewhere, and notes of auditors."""
