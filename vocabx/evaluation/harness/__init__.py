"""Models asked the same items of tasks of the lm-evaluation-harness."""
