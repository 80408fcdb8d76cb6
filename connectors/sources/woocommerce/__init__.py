"""WooCommerce as a source of orders by signed webhook, JSON file or API."""
