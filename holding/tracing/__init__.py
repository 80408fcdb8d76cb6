"""Clearpost tracing: the story of one record, read back from stored rows."""
