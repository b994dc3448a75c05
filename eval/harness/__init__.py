"""Tasks of the lm-evaluation-harness, on its own data or on local files, with one answer per item kept."""
