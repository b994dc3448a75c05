"""What a stage does to a model: frozen, parted and given adapters, and whole again."""
