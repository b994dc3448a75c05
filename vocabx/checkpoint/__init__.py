"""Read and write model directories of safetensors files without ever loading the model."""

from vocabx.checkpoint.read import Checkpoint, open_checkpoint
from vocabx.checkpoint.staging.atomic import staged_directory
from vocabx.checkpoint.writing.write import bytes_to_write, check_storage, write_checkpoint

__all__ = ["Checkpoint", "bytes_to_write", "check_storage", "open_checkpoint", "staged_directory", "write_checkpoint"]
