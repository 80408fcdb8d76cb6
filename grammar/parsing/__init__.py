"""Clearpost grammar.parsing: from text to nodes; what they mean is the rules floor's."""
