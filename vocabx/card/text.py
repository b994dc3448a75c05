"""The body of a card: what was done to which model, how to open it, and how to train it on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from vocabx.adapters import row_modules
from vocabx.card.command import spell_command
from vocabx.card.named_texts import spell_bytes, spell_files
from vocabx.card.proof import UNPROVED, spell_region
from vocabx.card.training import training_text
from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.families.classes import auto_class
from vocabx.checkpoint.sources.hub_options import split_hub_id
from vocabx.core.plan import Plan
from vocabx.core.report import Cell, Table
from vocabx.initializers.table import INITIALIZERS
from vocabx.manifest import REPLACE, TRIM, Manifest

__all__ = ["card_text"]

ARXIV = re.compile(r"\b\d{4}\.\d{5}\b")


def card_text(manifest: Manifest, checkpoint: Checkpoint, licence: str | None) -> str:
    """Spell all of a card below its head; `checkpoint` is the base."""
    sections = [
        f"# {_title(manifest)}",
        _summary(manifest, licence),
        "## What was done",
        f"```console\n$ {spell_command(manifest)}\n```",
        Table("", ("what", "value"), list(_facts(manifest, checkpoint).items())).to_markdown(),
        "`vocabx.json` has the whole record: versions, settings, and for each new token the text that produces it.",
        *(["## Training", training_text(manifest.training)] if manifest.training else []),
        "## Load it",
        _loading(manifest, checkpoint.config),
        "## Train it on",
        _training(manifest, checkpoint),
        "## Proof",
        spell_region(UNPROVED.format(base=shlex.quote(manifest.base))),
    ]
    return "\n\n".join(sections) + "\n"


def _title(manifest: Manifest) -> str:
    match manifest.command:
        case "replace":
            return f"{manifest.base} with the tokenizer {manifest.tokenizer.get('target', '')}".rstrip()
        case "trim":
            return f"{manifest.base} with {manifest.plan.tokens:,} of its {manifest.plan.tokens_before:,} tokens"
    return f"{manifest.base} with {manifest.plan.new:,} new tokens"


def _summary(manifest: Manifest, licence: str | None) -> str:
    what = {
        REPLACE: "The model is that of {base} with another tokenizer. Tokens that both have keep their rows.",
        TRIM: "The model is {base} with only the tokens that a text uses; these keep their rows.",
    }.get(manifest.command, "The model is {base} with a larger vocabulary. Old tokens keep their ids and their rows.")
    made = "taken from a file" if manifest.is_all_given else "made from old ones"
    made = "taken from a file or made from old ones" if manifest.given_rows and not manifest.is_all_given else made
    untrained = f"New rows were {made}, and nothing was trained since: it is a start for continued pretraining."
    parts = [what.format(base=_link(manifest.base))]
    trained = f"New rows were {made}. The model was trained since{'' if manifest.keeps_old_rows else ', old rows too'}."
    parts += [trained if manifest.training else untrained] if manifest.plan.new else []
    parts += [f"The licence is the base's: `{licence}`."] if licence else []
    parts.append("What the base's own card says of its uses and limits holds here too.")
    return " ".join(parts)


def _link(base: str) -> str:
    return f"[{base}](https://huggingface.co/{base})" if split_hub_id(base) else f"`{base}`"


def _facts(manifest: Manifest, checkpoint: Checkpoint) -> dict[str, Cell]:
    plan, corpus = manifest.plan, manifest.corpus
    before_after = manifest.tokenizer.get("corpus_tokens")
    counts = before_after if isinstance(before_after, list) else []
    facts: dict[str, Cell] = {
        "base": _link(manifest.base),
        "base commit": f"`{manifest.base_source['commit']}`" if manifest.base_source else None,
        "made with": f"vocabx {manifest.versions.get('vocabx', '')}".rstrip(),
        "new tokens": plan.new,
        "ids of new tokens": _runs(plan) or None,
        "method of the new rows": _method(manifest) if plan.new else None,
        "tokens before, after": f"{plan.tokens_before:,}, {plan.tokens:,}",
        "rows before, after": f"{plan.rows_before:,}, {plan.rows_after:,}",
        "padding rows, never sampled": len(plan.padding),
        "output head": "the input embedding (tied)"
        if checkpoint.tied
        else "rows of its own"
        if checkpoint.head
        else "none",
        "corpus": _corpus(corpus) if corpus else None,
        "tokens of the corpus before, after": f"{counts[0]:,}, {counts[1]:,}" if len(counts) == 2 else None,
        "after / before": counts[1] / counts[0] if len(counts) == 2 and counts[0] else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _corpus(corpus: Mapping[str, Any]) -> str:
    named = spell_files(corpus.get("files", ()))
    return f"{named}: {spell_bytes(corpus['bytes'])}" if "bytes" in corpus else named


def _method(manifest: Manifest) -> str:
    if not manifest.given_rows:
        return _made(manifest)
    counts = ", ".join(f"{count:,} {name} rows" for name, count in manifest.given_rows.items() if count)
    given = f"{counts} given in `{manifest.materials['rows']['file']}`"
    return given if manifest.is_all_given else f"{given}; the others by {_made(manifest)}"


def _made(manifest: Manifest) -> str:
    if manifest.method not in INITIALIZERS:  # one of a package that is not installed here
        return f"`{manifest.method}`"
    entry = INITIALIZERS[manifest.method]
    paper = ARXIV.sub(lambda found: f"[arXiv:{found[0]}](https://arxiv.org/abs/{found[0]})", entry.paper)
    return f"`{manifest.method}`: {entry.summary}" + (f" ({paper})" if paper else "")


def _runs(plan: Plan, most: int = 4) -> str:
    """Spell the new ids as stretches, as many as can be read."""
    stretches: list[list[int]] = []
    for token in plan.new_ids.tolist():
        if stretches and token == stretches[-1][1] + 1:
            stretches[-1][1] = token
        else:
            stretches.append([token, token])
        if len(stretches) > most:
            return "in many stretches; `vocabx.json` lists them"
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in stretches)


def _loading(manifest: Manifest, config: Mapping[str, Any]) -> str:
    kind, code = auto_class(config), ""
    if manifest.factorization.get("form") == "model":
        kind, code = "AutoModelForCausalLM", ", trust_remote_code=True"
    return (
        "```python\n"
        f"from transformers import {', '.join(sorted(['AutoTokenizer', kind]))}\n\n"
        'place = "."  # this directory, or its name on the hub\n'
        "tokenizer = AutoTokenizer.from_pretrained(place)\n"
        f"model = {kind}.from_pretrained(place{code})\n"
        "```"
    )


def _training(manifest: Manifest, checkpoint: Checkpoint) -> str:
    if not manifest.plan.new:
        return "No row is new. The map of ids is `vocabx-ids.tsv`; text and labels have to be tokenised again."
    steps = (
        "Tokenise the text with the tokenizer that is here, and continue pretraining as with the base. Some train the "
        "new rows alone at first; these are their ids:\n\n"
        "```python\n"
        "import json\nfrom pathlib import Path\n\n"
        'record = json.loads(Path("vocabx.json").read_text(encoding="utf-8"))\n'
        'new_ids = [token["id"] for token in record["new_tokens"]]\n'
        "```\n\n"
    )
    if manifest.factorization:
        return f"{steps}All embeddings are a product of two smaller matrices, so that old rows changed as well."
    return f"{steps}With PEFT: `LoraConfig(trainable_token_indices={_indices(checkpoint)}, ...)`."


def _indices(checkpoint: Checkpoint) -> str:
    """Spell what PEFT is told: a list is for the input, and what a tied head follows; a head of its own is named."""
    modules = row_modules(checkpoint)
    named = ", ".join(f'"{module}": new_ids' for module in modules)
    return "new_ids" if len(modules) == 1 else f"{{{named}}}"
