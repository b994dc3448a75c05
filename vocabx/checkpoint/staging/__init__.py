"""A directory that appears whole or not at all."""
