"""Clearpost rules.testing: samples and tests of rule files, and what they prove."""
