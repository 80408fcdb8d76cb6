"""A stand-in for AutoCount's cloud interface, as a process of its own with a durable ledger."""
