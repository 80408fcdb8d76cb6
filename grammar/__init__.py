"""Clearpost grammar: text of the rules language in, syntax tree out; knows no record."""
