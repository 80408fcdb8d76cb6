"""The `clearpost` command."""
