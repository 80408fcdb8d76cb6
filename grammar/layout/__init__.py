"""Format rule files in their single layout."""
