"""A simulator of AutoCount On The Go: its own process, its own ledger, knows nothing of us."""
