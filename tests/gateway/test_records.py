"""No body brings the reader of records down."""

import contextlib
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.records import Fields, Malformed, check_records, read_records
from app.learning.signature import RecordEncoder
from tests.gateway.conftest import SIGNATURE

FIELDS = Fields(("hour", "carrier"), frozenset({"carrier"}))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
records = st.fixed_dictionaries({"hour": values, "carrier": values})


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_malformed(body: bytes) -> None:
    with contextlib.suppress(Malformed):
        check_records(read_records(body), FIELDS)


@given(st.lists(records | values, max_size=4))
def test_what_passes_the_check_can_be_encoded(document: list[Any]) -> None:
    try:
        found = read_records(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))
        check_records(found, FIELDS)
    except (Malformed, TypeError, orjson.JSONEncodeError):
        return

    assert len(RecordEncoder(SIGNATURE).rows(found)) == 2 * len(found)
