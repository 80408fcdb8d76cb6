"""NetShop, as a source of orders by signed webhook or JSON file."""
