"""The stand-in of WooCommerce: an own process with its own books."""
