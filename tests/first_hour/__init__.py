"""What somebody does in the first hour, as the documents say it."""
