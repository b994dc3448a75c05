"""How a token is made of others, once both have vectors in one space."""
