"""Tests of connectors."""

import pytest

pytest.register_assert_rewrite(
    "connectors.conformance.declaration_suite",
    "connectors.conformance.source_suite",
    "connectors.conformance.target_suite",
)
