"""Compile expressions and checks to closures over the state of one evaluation."""
