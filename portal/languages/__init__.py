"""The translation of pages and of the product's English texts into the user's language."""
