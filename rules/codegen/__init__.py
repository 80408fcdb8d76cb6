"""Generate Python for rules, with the same results as the interpreter."""
