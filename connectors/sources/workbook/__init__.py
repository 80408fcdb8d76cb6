"""Workbooks and CSV files as a source."""
