"""Clearpost rules.phrases: rules as people say them, in texts that each language can say."""
