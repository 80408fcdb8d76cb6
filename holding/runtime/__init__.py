"""Clearpost holding.runtime: settings, clock, doorbell, schema; none of the work."""
