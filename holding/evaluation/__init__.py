"""Clearpost holding.evaluation: from due records to what should stand in the tables."""
