"""Clearpost grammar: rule files become a syntax tree and a list of problems, without I/O."""
