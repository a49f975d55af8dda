"""What the evaluations in the store of screens found."""

IMPORTANCE = (
    ("departure_minute", 0.412, 0.31, 0.0712),
    ("carrier", 0.207, 0.18, 0.0204),
    ("humid", 0.188, 0.14, 0.0171),
    ("dest", 0.151, 0.12, 0.0093),
    ("wind_gust", 0.033, 0.02, 0.0008),
    ("engines", 0.002, 0.001, -0.0001),
)
BINS = ((9120, 0.04, 0.05), (8044, 0.10, 0.11), (4210, 0.17, 0.15), (1204, 0.23, 0.31), (310, 0.30, 0.29))


def manifest_of(version: int) -> dict[str, object]:
    """The manifest of a version, with an evaluation and an empty card."""
    return {
        "model": "flight-delay",
        "evaluation": {
            "metric": "auc",
            "verdict": {
                "says": f"beats production v{version} by .003 auc, inside ± .004: not significant",
                "significant": False,
            },
            "intervals": {"auc": [0.69, 0.71]},
            "blocks": "days",
            "resamples": 500,
            "importance": [
                {"feature": name, "shap": shap, "gain": gain, "permutation": lost}
                for name, shap, gain, lost in IMPORTANCE
            ],
            "reliability": [
                {"rows": rows, "confidence": said, "observed": was, "low": was - 0.02, "high": was + 0.02}
                for rows, said, was in BINS
            ],
            "unknown": {"slice.carrier=OO": "unknown: 29 rows, fewer than 200"},
        },
        "card": {"human": {"license": "CC0", "ethical_considerations": "", "primary_uses": "[bold]planning[/]"}},
    }


__all__ = ["manifest_of"]
