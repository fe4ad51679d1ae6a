"""The data: x. Sources read files, features turn columns into arrays and back, splits divide rows."""
