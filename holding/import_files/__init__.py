"""Files that people carry to a target: handed over, told of, compared, withdrawn."""
