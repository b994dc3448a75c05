"""From the name of a model to a directory of safetensors files."""
