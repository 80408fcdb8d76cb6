"""Clearpost grammar: the rules language, text to frozen nodes and problems; no record, no disk."""
