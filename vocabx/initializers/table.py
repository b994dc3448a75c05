"""The table of methods: a paper is a row."""

from __future__ import annotations

from vocabx.core.registry import Entry, Registry
from vocabx.core.report import Report, Table

__all__ = ["DEFAULT_METHOD", "INITIALIZERS", "methods_report"]

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
        "mean": Entry(
            "vocabx.initializers.mean:Mean",
            "mean of all usable rows",
            paper="Hewitt 2021",
            convex=True,
        ),
        "multivariate": Entry(
            "vocabx.initializers.gaussian:Gaussian",
            "normal draw around the mean, 1e-5 of the covariance",
            {"distribution": "multivariate"},
            paper="Hewitt 2021; 2407.05841",
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
        (name, entry.summary, entry.convex, entry.needs or "nothing", entry.paper)
        for name, entry in INITIALIZERS.entries.items()
    ]
    return Report("", {}, [Table("methods", ("name", "new rows", "convex", "needs", "source"), rows)])
