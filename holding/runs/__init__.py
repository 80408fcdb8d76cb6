"""Clearpost holding.runs: when what is sent: passes, date ranges, schedules."""
