"""Clearpost grammar.advice: what to write instead, where the parser stumbled."""
