"""Say which source tokens a new token is made of, and in what proportion."""
