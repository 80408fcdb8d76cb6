"""Clearpost holding.workload: how the work flows, what is stuck, what the work runs on."""
