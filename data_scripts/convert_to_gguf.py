"""Convert a model that vocabx extended to GGUF, with llama.cpp's own converter as it is.

What    llama.cpp's converter knows a byte-level or WordPiece tokenizer by a checksum of the ids that it gives one text,
        in which there are Chinese, Cyrillic, Khmer and Latin letters. An extension for one of these scripts changes
        the ids and so the checksum, and the converter stops with "BPE pre-tokenizer was not recognized". How text is
        cut before merges has not changed, so the name that llama.cpp has for the base's is right, and the converter is
        given that one. Then the file is read back and compared: tokens, merges, number of rows, and the rows of
        the embedding and the head, to the bit where they are stored in full precision or half.
From    A copy of llama.cpp (`convert_hf_to_gguf.py` and what it imports), which is not changed; a directory that vocabx
        wrote; the base that it was made of, or the name of its pre-tokenizer.
Out     The GGUF file. Options that are not listed below go to the converter, such as `--outtype bf16`.
Time    A few seconds for a model of 135 million parameters. Needs torch and `pip install gguf`.

    python data_scripts/convert_to_gguf.py llama.cpp korean --base smollm2 --outfile korean.gguf --outtype bf16
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vocabx.checkpoint import open_checkpoint
from vocabx.core.arrays import ROWS_PER_BLOCK, Matrix
from vocabx.core.errors import InputError, VocabxError
from vocabx.tokenizer_tools.read import read_tokenizer

logger = logging.getLogger("convert_to_gguf")

CONVERTER = "convert_hf_to_gguf.py"
METHOD = "get_vocab_base_pre"
SAME_PIPELINE = ("normalizer", "pre_tokenizer")
WHOLE_TYPES = {"F32": np.dtype(np.float32), "F16": np.dtype(np.float16), "BF16": np.dtype(ml_dtypes.bfloat16)}


# --- conversion ---------------------------------------------------------------------------------------------------


def load_converter(llama_cpp: Path) -> Any:
    """Import the converter of a copy of llama.cpp."""
    path = llama_cpp / CONVERTER
    if not path.is_file():
        raise InputError(f"{llama_cpp} holds no {CONVERTER}. Give the directory of a copy of llama.cpp.")
    # Beside it lie the modules that it imports.
    sys.path.insert(0, str(llama_cpp.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    converter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(converter)
    return converter


def classes_that_recognize(converter: Any) -> list[type]:
    """Return the converter's classes that find the name of a pre-tokenizer."""
    pending = [getattr(converter, name) for name in ("ModelBase", "Model") if hasattr(converter, name)]
    found = list[type]()
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        found += [kind] if METHOD in vars(kind) and kind not in found else []
    if not found:
        raise InputError(f"{CONVERTER} has no method {METHOD}: this version of llama.cpp is not known to this script.")
    return found


def use_name(converter: Any, base: Path | None, name: str | None) -> None:
    """Let the converter take the given name, or the one that it finds for the base."""
    for kind in classes_that_recognize(converter):
        setattr(kind, METHOD, _naming(getattr(kind, METHOD), base, name))


def _naming(recognize: Callable[[Any, Any], str], base: Path | None, name: str | None) -> Callable[[Any, Any], str]:
    def recognize_base(model: Any, tokenizer: Any) -> str:
        from transformers import AutoTokenizer

        if name is not None:
            return name
        try:
            return recognize(model, AutoTokenizer.from_pretrained(str(base)))
        except NotImplementedError as error:
            raise InputError(
                f"llama.cpp does not know the tokenizer of {base} either. Find the name of its pre-tokenizer in "
                "llama.cpp's list and give it with --pre-tokenizer."
            ) from error

    return recognize_base


def check_same_pipeline(directory: Path, base: Path) -> None:
    """Raise `InputError` where text is not cut as in the base: then its name would be wrong."""
    ours, theirs = (json.loads(read_tokenizer(place).backend.to_str()) for place in (directory, base))
    for part in SAME_PIPELINE:
        if ours[part] != theirs[part]:
            raise InputError(
                f"The {part} of {directory} is not that of {base}, so its name would be wrong. Give as --base the "
                "model or tokenizer whose way of cutting text it has."
            )


def convert(llama_cpp: Path, directory: Path, base: Path | None, name: str | None, options: Sequence[str]) -> None:
    """Run the converter on the directory."""
    if base is not None and name is None:
        check_same_pipeline(directory, base)
    converter = load_converter(llama_cpp)
    use_name(converter, base, name)
    arguments, sys.argv = sys.argv, [str(llama_cpp / CONVERTER), str(directory), *options]
    try:
        converter.main()
    finally:
        sys.argv = arguments


# --- comparison ---------------------------------------------------------------------------------------------------


def differences(file: Path, directory: Path) -> Iterator[str]:
    """Say in what a GGUF file differs from the directory that it was made of."""
    import gguf

    reader = gguf.GGUFReader(str(file))
    yield from _vocabulary_differences(reader, directory)
    yield from _row_differences(reader, directory)


def _vocabulary_differences(reader: Any, directory: Path) -> Iterator[str]:
    segmenter, rows = read_tokenizer(directory), open_checkpoint(directory).rows
    kind, tokens = (reader.fields[f"tokenizer.ggml.{key}"].contents() for key in ("model", "tokens"))
    if len(tokens) != rows:
        yield f"{len(tokens):,} tokens, and {rows:,} rows"
    added = set(segmenter.backend.get_added_tokens_decoder())
    pieces = enumerate(zip(segmenter.tokens.pieces, tokens, strict=False))
    wrong = [token for token, (ours, theirs) in pieces if token not in added and _spelt(ours, kind) != theirs]
    if wrong:
        yield f"{len(wrong):,} tokens are spelt otherwise, the first with the id {wrong[0]}"
    model = json.loads(segmenter.backend.to_str())["model"]
    field = reader.fields.get("tokenizer.ggml.merges")
    if field is not None and field.contents() != [" ".join(merge) for merge in model["merges"]]:
        yield "the merges are not those of tokenizer.json"


def _spelt(piece: str, kind: str) -> str:
    """Spell a piece as llama.cpp does: of WordPiece it marks the starts of words instead of the rest."""
    if kind != "bert":
        return piece
    return piece.removeprefix("##") if piece.startswith("##") else f"\u2581{piece}"


def _row_differences(reader: Any, directory: Path) -> Iterator[str]:
    checkpoint, tensors = open_checkpoint(directory), {tensor.name: tensor for tensor in reader.tensors}
    pairs = [("token_embd.weight", checkpoint.input)]
    pairs += [("output.weight", checkpoint.head)] if checkpoint.head and not checkpoint.tied else []
    for name, ours in pairs:
        if name not in tensors:
            yield f"there is no {name}"
            continue
        kind, count = tensors[name].tensor_type.name, 0
        matrix, stored = checkpoint.matrix(ours), np.asarray(tensors[name].data)
        if kind not in WHOLE_TYPES:
            logger.info("%s is quantised to %s and was not compared", name, kind)
            continue
        if len(stored) != len(matrix):
            yield f"{name} has {len(stored):,} rows, and {ours} {len(matrix):,}"
            continue
        for start in range(0, len(matrix), ROWS_PER_BLOCK):
            block = slice(start, start + ROWS_PER_BLOCK)
            expected = _as_bytes(np.asarray(matrix[block]).astype(WHOLE_TYPES[kind]))
            count += int((expected != _as_bytes(stored[block])).any(axis=1).sum())
        if count:
            yield f"{count:,} rows of {name} are not those of {ours}"
        logger.info(
            "%s: %s of %s rows equal to the bit in %s", name, f"{len(matrix) - count:,}", f"{len(matrix):,}", kind
        )


def _as_bytes(rows: Matrix) -> Matrix:
    return np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)


# --- command ------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert, compare, and say what differs."""
    summary, *rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog="".join(rest), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("llama_cpp", type=Path, help="directory of a copy of llama.cpp")
    parser.add_argument("directory", type=Path, help="the model that vocabx wrote")
    parser.add_argument("--outfile", type=Path, required=True, help="the GGUF file to write")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--base", type=Path, help="the model that it was made of")
    source.add_argument("--pre-tokenizer", metavar="NAME", help="llama.cpp's name for how it cuts text")
    chosen, options = parser.parse_known_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        convert(
            chosen.llama_cpp,
            chosen.directory,
            chosen.base,
            chosen.pre_tokenizer,
            ["--outfile", str(chosen.outfile), *options],
        )
        found = list(differences(chosen.outfile, chosen.directory))
    except VocabxError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    for difference in found:
        logger.info("%s: %s", chosen.outfile, difference)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
