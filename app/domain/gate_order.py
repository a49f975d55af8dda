"""The order in which a person reads the gates; light, because lists on screens need it."""

ORDER = (
    "finite", "baseline", "production", "slices", "minimum", "maximum", "calibration", "fairness", "latency", "memory",
    "schema", "contract", "card", "commit", "package", "ci", "reproducible", "approvals",
)  # fmt: skip


def rank(gate: str) -> tuple[int, str]:
    """Where a gate stands in the order of reading; names that are not known come last.

    >>> sorted(["zebra", "package", "finite"], key=rank)
    ['finite', 'package', 'zebra']
    """
    return (ORDER.index(gate) if gate in ORDER else len(ORDER), gate)


__all__ = ["ORDER", "rank"]
