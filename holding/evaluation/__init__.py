"""Evaluation of due records: from stored facts to planned postings and holds."""
