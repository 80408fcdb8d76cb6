"""Clearpost grammar.layout: the one layout of a rule file."""
