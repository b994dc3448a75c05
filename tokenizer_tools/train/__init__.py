"""Train a tokenizer on text: a new one of any family, or one like a model's own."""

from vocabx.tokenizer_tools.train.options import TrainingOptions
from vocabx.tokenizer_tools.train.train import train_tokenizer
from vocabx.tokenizer_tools.train.trained import TrainedTokenizer

__all__ = ["TrainedTokenizer", "TrainingOptions", "train_tokenizer"]
