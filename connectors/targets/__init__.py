"""Clearpost connectors.targets: one folder for each accounting system."""

from connectors.transport.connector_folders import folders

__path__ = [*__path__, *folders("targets")]
