"""The simulator of WooCommerce, with its own books, which imports nothing from the connector."""
