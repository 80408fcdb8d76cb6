"""Clearpost holding.configuration: changes of a connection that the rules in force must suit."""
