"""Clearpost grammar.text: words, tokens, places and problems; nothing of it parses."""
