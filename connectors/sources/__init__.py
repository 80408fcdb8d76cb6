"""Clearpost connectors.sources: one folder for each system that orders come from."""

from connectors.transport.http import connector_folders

__path__ = [*__path__, *connector_folders("sources")]
