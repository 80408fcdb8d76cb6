"""The sample companies of `clearpost demo`; no part of what runs."""
