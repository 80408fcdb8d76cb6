"""The stand-in of WooCommerce, with its own books; imports nothing of the connector."""
