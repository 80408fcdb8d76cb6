"""Clearpost holding.notices: who is told of what by mail or webhook, once each."""
