"""Results as tables, pictures and one comparison."""
