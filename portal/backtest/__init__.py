"""Backtests: stored records in files, read fast, judged by two rule sets in several processes."""
