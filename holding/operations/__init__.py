"""Queues, stuck work, integrity checks, notices and escalation to a support desk."""
