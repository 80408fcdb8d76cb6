"""Clearpost connectors.targets: one folder for each accounting system."""

from connectors.transport.http import folders

__path__ = [*__path__, *folders("targets")]
