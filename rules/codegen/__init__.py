"""Generate Python for rules, with results equal to the interpreter's."""
