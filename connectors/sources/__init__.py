"""Clearpost connectors.sources: one folder for each system that orders come from."""

from connectors.transport.http import folders

__path__ = [*__path__, *folders("sources")]
