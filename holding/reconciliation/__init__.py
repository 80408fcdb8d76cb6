"""Compare posted documents with the targets: read back, daily totals, ledgers and import files."""
