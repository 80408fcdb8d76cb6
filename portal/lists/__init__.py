"""Clearpost portal.lists: every list of a page as a file, with the same filter."""
