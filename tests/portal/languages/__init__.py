"""Tests of portal/languages."""
