"""The language server that editors use for rule files."""
