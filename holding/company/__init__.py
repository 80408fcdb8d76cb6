"""Clearpost holding.company: who joins a company, what they may do there, and who leaves."""
