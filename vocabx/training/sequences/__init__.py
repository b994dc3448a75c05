"""Documents as tokens, and sequences of one length that are cut out of them."""
