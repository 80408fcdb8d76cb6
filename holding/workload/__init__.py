"""Clearpost holding.workload: how the work flows: queues, times, long waits, what is stuck."""
