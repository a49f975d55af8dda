"""Reading the training profile."""

import json

import pytest

from app.domain.errors import Damaged
from app.monitoring.reference import CategoryBins, NumberBins, parse_profile


def test_outer_edges_may_be_written_or_left_out() -> None:
    def profile(edges: list[float | None]) -> bytes:
        entry = {"kind": "number", "edges": edges, "shares": [0.5, 0.4], "missing": 0.1}
        return json.dumps({"features": {"x": entry}, "score": None, "rows": 10}).encode()

    inner, outer = parse_profile(profile([3.0])), parse_profile(profile([None, 3.0, None]))

    assert inner.features["x"] == outer.features["x"] == NumberBins((3.0,), (0.5, 0.4), 0.1)


def test_a_category_keeps_its_values_in_order() -> None:
    entry = {"kind": "category", "shares": {"b": 0.6, "a": 0.3}, "other": 0.1, "missing": 0.0}
    window = ["2013-01-01T00:00:00Z", None]

    profile = parse_profile(json.dumps({"features": {"x": entry}, "score": None, "rows": 9, "window": window}).encode())

    assert profile.features["x"] == CategoryBins(("b", "a"), (0.6, 0.3), 0.1, 0.0)
    assert profile.window[0] is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\x80\x04",
        b'{"features": {"x": {"kind": "number", "edges": [1], "shares": [1]}}, "rows": 1}',
        b'{"features": {"x": {"kind": "picture"}}, "rows": 1}',
    ],
)
def test_a_damaged_profile_is_refused(content: bytes) -> None:
    with pytest.raises(Damaged, match="profile"):
        parse_profile(content)
