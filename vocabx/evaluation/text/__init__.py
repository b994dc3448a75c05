"""Documents and language models, and what the first cost the second."""
