"""A stand-in for llama.cpp's converter: it knows a tokenizer by its ids for one text, as the real one does."""

from __future__ import annotations

from pathlib import Path

TEXT = "The model reads the text of the file."
SOURCE = """
import argparse, json
from pathlib import Path
from beside import KNOWN, TEXT

class ModelBase:
    pass

class TextModel(ModelBase):
    def get_vocab_base_pre(self, tokenizer):
        ids = tokenizer(TEXT)["input_ids"]
        if ids != KNOWN:
            raise NotImplementedError("BPE pre-tokenizer was not recognized")
        return "known"

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--outfile", type=Path)
    parser.add_argument("--outtype", default="auto")
    chosen = parser.parse_args()
    from transformers import AutoTokenizer
    name = TextModel().get_vocab_base_pre(AutoTokenizer.from_pretrained(str(chosen.model)))
    chosen.outfile.write_text(json.dumps({"model": str(chosen.model), "pre": name, "type": chosen.outtype}))
"""


def write_converter(directory: Path, known: list[int]) -> Path:
    """Write one that knows the tokenizer which gives these ids."""
    directory.mkdir()
    (directory / "convert_hf_to_gguf.py").write_text(SOURCE, encoding="utf-8")
    (directory / "beside.py").write_text(f"KNOWN = {known!r}\nTEXT = {TEXT!r}\n", encoding="utf-8")
    return directory
