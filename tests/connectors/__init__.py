"""Tests of connectors."""

import pytest

pytest.register_assert_rewrite(
    "sandbox.conformance.target_suite",
    "sandbox.conformance.source_suite",
)
