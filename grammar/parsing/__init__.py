"""Parse rule files into syntax trees."""
