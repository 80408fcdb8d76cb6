"""Clearpost holding.intake: from deliveries to versions of records; nothing is judged."""
