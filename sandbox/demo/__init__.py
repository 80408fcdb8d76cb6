"""Set up the sample companies of `clearpost demo`; the running product imports none of it."""
