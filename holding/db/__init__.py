"""Database access: tables, sessions, statements over many rows, and leases."""
