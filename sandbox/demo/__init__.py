"""Set up the sample companies of `clearpost demo`; the running product does not import it."""
