"""Where tokens of two vocabularies can be compared: word vectors, a donor model, an encoder, text of their own."""
