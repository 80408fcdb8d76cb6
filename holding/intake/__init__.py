"""From a delivery or a pull to stored records and versions."""
