"""Clearpost connectors.kit: parts that every connector is built from; imports no connector."""
