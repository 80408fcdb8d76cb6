"""Provide the vocabulary, characters, source positions and problems of rule text."""
