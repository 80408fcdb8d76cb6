"""Clearpost holding.onboarding: a company from its set-up to the day on which it goes live."""
