"""Files that users upload: checked first, imported after the user confirms."""
