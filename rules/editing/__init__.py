"""Support editors of rule files: symbols, mentions, completion and text changes."""
