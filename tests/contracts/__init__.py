"""What every implementation of a protocol must keep to, tried on every name of its table."""
