"""From expressions to Python text: the generated code that runs the rules.

Here: text alone; nothing in this package runs it. A text holds numbers and the names that this
package writes; everything that a rule file says (names, words, values) goes through a numbered
table, so that nobody's text can become code. rules/compile.py alone makes functions of it.
"""
