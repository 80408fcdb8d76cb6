"""What texts there are to translate: of pages, of code, of rules and of what is said of them."""
