"""Clearpost holding.operations: how the work flows, what is stuck, what the work runs on."""
