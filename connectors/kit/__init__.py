"""Clearpost connectors.kit: what every connector is built from; knows no connector."""
