"""Make the rows of the new tokens, by every published method."""
