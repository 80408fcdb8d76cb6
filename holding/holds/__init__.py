"""Holds on records and postings: who owns them, what users decide about them, and their counts."""
