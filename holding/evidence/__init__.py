"""Clearpost holding.evidence: one record as a file that proves itself, and notes of auditors."""
