"""Tables in files: which columns there are, what kind each is, and their rows in blocks, however large the file."""
