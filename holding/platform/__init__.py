"""Clearpost holding.platform: settings, clock, doorbell, schema; none of the work."""
