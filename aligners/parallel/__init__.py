"""What translated lines say about tokens: words that are translations of each other, and the tokens within them."""
