"""Clearpost connectors.targets: one folder for each accounting system."""

from connectors.transport.http import connector_folders

__path__ = [*__path__, *connector_folders("targets")]
