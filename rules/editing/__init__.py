"""Clearpost rules.editing: names, mentions, completion, drafts; no protocol of an editor."""
