"""NetShop as a source of records by signed webhook, JSON file or API."""
