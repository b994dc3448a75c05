"""What the new rows of a run are like beside the base's, what is wrong with them, and what to do."""
