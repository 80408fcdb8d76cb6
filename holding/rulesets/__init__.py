"""Rule sets of a company: drafts, checks, changes, publication, and connection settings."""
