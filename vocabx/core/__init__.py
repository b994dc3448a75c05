"""The nouns that everything else is made of; nothing here imports from outside this folder."""
