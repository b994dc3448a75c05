"""The table of methods: a paper is a row."""

from __future__ import annotations

from typing import Any

from vocabx.core.registry import Entry, Registry
from vocabx.core.report import Cell, Report, Table, format_number

__all__ = ["DEFAULT_METHOD", "INITIALIZERS", "method_report", "methods_report"]

DEFAULT_METHOD = "constituents"

INITIALIZERS = Registry(
    kind="method",
    group="initializers",
    builtin={
        "constituents": Entry(
            "vocabx.initializers.aligned:ConstituentRows",
            "mean of the source pieces of the token's bytes",
            paper="Gee et al. 2022 (FVT); 2406.11477",
            convex=True,
        ),
        "constituents-length": Entry(
            "vocabx.initializers.aligned:ConstituentRows",
            "the same, each piece weighted by its bytes",
            {"input": "length"},
            paper="variant of FVT",
            convex=True,
        ),
        "constituents-scaled": Entry(
            "vocabx.initializers.aligned:ConstituentRows",
            "the plain mean times 1.1: means of many rows are short",
            {"input": "uniform", "scale": 1.1},
            paper="variant of FVT",
        ),
        "constituents-position": Entry(
            "vocabx.initializers.aligned:ConstituentRows",
            "late pieces weigh more in the input, early ones in an untied head",
            {"input": "late", "head": "early"},
            paper="AdaptiVocab, COLM 2025",
            convex=True,
        ),
        "eeve": Entry(
            "vocabx.initializers.aligned:ConstituentRows",
            "mean of the pieces in the input, the first piece in an untied head",
            {"input": "uniform", "head": "first"},
            paper="2402.14714",
            convex=True,
        ),
        "merge": Entry(
            "vocabx.initializers.aligned:by_counts",
            "parts that the token was merged from, level by level",
            {"aligner": "vocabx.aligners.merge:Merge"},
            paper="2406.11477",
            convex=True,
        ),
        "align": Entry(
            "vocabx.initializers.aligned:by_counts",
            "source tokens that stand in its place in text",
            {"aligner": "vocabx.aligners.align:Align"},
            paper="2406.11477",
            needs=("target text",),
            convex=True,
        ),
        "trans-tokenization": Entry(
            "vocabx.initializers.aligned:by_counts",
            "source tokens of the words that translate its words",
            {"aligner": "vocabx.aligners.parallel.trans_tokenization:TransTokenization"},
            paper="2408.04303",
            needs=("parallel text",),
            convex=True,
        ),
        "ramen": Entry(
            "vocabx.initializers.aligned:by_counts",
            "source tokens that translate it, by linked tokens",
            {"aligner": "vocabx.aligners.parallel.ramen:Ramen"},
            paper="2002.07306",
            needs=("parallel text",),
            convex=True,
        ),
        "wechsel": Entry(
            "vocabx.initializers.aligned:by_space",
            "nearest source tokens by aligned word vectors",
            {"space": "aligned-words", "solver": "softmax"},
            paper="2112.06598",
            needs=("source words", "target words"),
            convex=True,
        ),
        "ofa": Entry(
            "vocabx.initializers.aligned:by_space",
            "nearest source tokens by vectors of both languages",
            {"space": "multilingual-words", "solver": "softmax", "how": "incidence-unweighted"},
            paper="2311.08849",
            needs=("multilingual vectors",),
            convex=True,
        ),
        "focus": Entry(
            "vocabx.initializers.aligned:by_space",
            "shared tokens near it, by vectors trained on tokens",
            {"space": "token-level", "solver": "sparsemax"},
            paper="2305.14481",
            needs=("target text",),
            convex=True,
        ),
        "tokalign": Entry(
            "vocabx.initializers.aligned:by_space",
            "nearest source token by where tokens stand",
            {"space": "cooccurrence", "solver": "softmax", "neighbours": 1},
            paper="2506.03523",
            needs=("target text",),
            convex=True,
        ),
        "clp": Entry(
            "vocabx.initializers.aligned:by_space",
            "all tokens that a donor shares, by cosine there",
            {"space": "donor", "solver": "cosine"},
            paper="2301.09626",
            needs=("donor model",),
            convex=True,
        ),
        "clp-plus": Entry(
            "vocabx.initializers.aligned:by_space",
            "few tokens that a donor shares, by sparsemax there",
            {"space": "donor", "solver": "sparsemax"},
            paper="2402.10712",
            needs=("donor model",),
            convex=True,
        ),
        "omp": Entry(
            "vocabx.initializers.aligned:by_space",
            "64 tokens that a donor shares, by least squares there",
            {"space": "donor", "solver": "omp"},
            paper="2506.06607",
            needs=("donor model",),
            convex=False,
        ),
        "donor-neighbours": Entry(
            "vocabx.initializers.aligned:by_space",
            "nearest source tokens by a donor's rows or those of pieces",
            {"space": "donor", "solver": "softmax", "compose": True},
            paper="2112.06598, in another space",
            needs=("donor model",),
            convex=True,
        ),
        "encoder-neighbours": Entry(
            "vocabx.initializers.aligned:by_space",
            "nearest source tokens by any encoder of text",
            {"space": "encoder", "solver": "softmax"},
            paper="2112.06598, in another space",
            needs=("encoder",),
            convex=True,
        ),
        "cw2v": Entry(
            "vocabx.aligners.convex_word2vec.method:ConvexWord2Vec",
            "convex weights learned by skip-gram on code-mixed text",
            paper="2407.05841",
            needs=("target text", "dictionary or parallel text"),
            convex=True,
        ),
        "mean": Entry(
            "vocabx.initializers.mean:Mean",
            "mean of all usable rows",
            paper="Hewitt 2021",
            convex=True,
        ),
        "hewitt": Entry(
            "vocabx.initializers.gaussian:Gaussian",
            "normal draw around the mean, 1e-9 of the covariance",
            {"distribution": "multivariate", "scale": 1e-9},
            paper="Hewitt 2021; transformers",
        ),
        "multivariate": Entry(
            "vocabx.initializers.gaussian:Gaussian",
            "normal draw around the mean, 1e-5 of the covariance",
            {"distribution": "multivariate", "scale": 1e-5},
            paper="Hewitt 2021; 2407.05841",
        ),
        "convex-random": Entry(
            "vocabx.initializers.aligned:by_counts",
            "random convex weights over random source rows",
            {"aligner": "vocabx.aligners.random_convex:RandomConvex"},
            paper="control",
            convex=True,
        ),
        "downey": Entry(
            "vocabx.initializers.scripts:ByScript",
            "normal draw per script and place in a word",
            paper="Downey et al. 2023",
        ),
        "univariate": Entry(
            "vocabx.initializers.gaussian:Gaussian",
            "normal draw per dimension, with its mean and deviation",
            {"distribution": "univariate"},
            paper="fallback of 2112.06598, 2305.14481",
        ),
        "random": Entry(
            "vocabx.initializers.gaussian:Gaussian",
            "normal draw around zero with the size of the base's entries",
            {"distribution": "isotropic"},
            paper="baseline",
        ),
    },
)


def methods_report() -> Report:
    """Return the table of methods."""
    rows = [
        (name, entry.summary, entry.convex, ", ".join(entry.needs) or "nothing", entry.paper)
        for name, entry in INITIALIZERS.entries.items()
    ]
    return Report("", {}, [Table("methods", ("name", "new rows", "convex", "needs", "source"), rows)])


def method_report(name: str) -> Report:
    """Return what one method is, needs and can be told."""
    entry = INITIALIZERS[name]
    facts: dict[str, Cell] = {
        "method": name,
        "new rows": entry.summary,
        "convex": entry.convex,
        "needs": ", ".join(entry.needs) or "nothing",
        "source": entry.paper,
    }
    meanings = entry.meanings
    rows = [
        (option, _spell(value), meanings.get(option, ""))
        for option, value in sorted(entry.settings.items())
        if option != "aligner"
    ]
    columns = ("name", "default", "meaning")
    return Report("", facts, [Table("options, set with --method-option", columns, rows)] if rows else [])


def _spell(value: Any) -> str:
    """Spell a default as it is given on the command line; what is not given by default is ``-``."""
    return format_number(value) if value is None or isinstance(value, bool) else str(value) or "-"
