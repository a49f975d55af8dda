"""The filter language: what it means, where it is wrong, and that nothing typed reaches the SQL itself."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Usage
from app.store.queries.filter import compile_filter
from app.store.queries.runs import LANGUAGE, page_of_runs, run_filter
from app.store.queries.syntax import tokens_of
from app.store.reader import Reader

HOSTILE = (
    st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
    | st.text(alphabet="abz:<>=!|\"'\\%_*;- \x1b\x00()", max_size=30)
    | st.lists(
        st.sampled_from(
            [
                "metrics.auc",
                "params.x",
                "tags.t",
                "state",
                ">",
                "=",
                "!=",
                ":",
                "(",
                ")",
                "and",
                "or",
                "not",
                "|",
                "!",
                ".72",
                "nan",
                "a*",
                '"',
                "archived",
                "yes",
                "\ud800",
                "\U0010ffff",
                "started",
                "2013-04-01",
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
WORD = st.text(alphabet=string.ascii_lowercase + string.digits, min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("flow:", 1, "flow: needs a value"),
        ("ok flow:", 4, "flow: needs a value"),
        ("flow: | a", 1, "flow: needs a value"),
        ("auc>", 1, "auc> needs a value"),
        ("> 3", 1, "> needs a key on its left"),
        ("auc>high", 5, "'high' is not a number"),
        ("metrics.auc = high", 15, "'high' is not a number"),
        ("auc > nan", 7, "'nan' is not a finite number"),
        ("duration>1parsec", 10, "is not a number"),
        ("state>failed", 1, "state is text"),
        ("tags.team > 3", 1, "tags.team is text"),
        ("started>yesterday", 9, "is not a time"),
        ("colour:red", 1, "there is no key 'colour'"),
        ("flwo:train", 1, "did you mean flow?"),
        ("auc = .7", 1, "metrics.NAME, params.NAME, tags.NAME"),
        ("a |", 3, "| needs a term on its right"),
        ("| a", 1, "| needs a term on its left"),
        ("a | | b", 5, "| needs a term on its left"),
        ("a or", 3, "or needs a term on its right"),
        ("and a", 1, "and needs a term on its left"),
        ("a and", 3, "and needs a term on its right"),
        ("a and | b", 3, "and needs a term on its right"),
        ("a !", 3, "! needs a term after it"),
        ("not", 1, "not needs a term after it"),
        ('a "b c', 3, "the quote does not end"),
        ("p.:3", 1, "there is no key 'p.'"),
        ("(a", 1, "the bracket is not closed"),
        ("a)", 2, "no bracket was opened before this one"),
        ("a ()", 4, "there is nothing in these brackets"),
        ("archived:maybe", 1, "archived is yes or no"),
        ("(" * 30 + "a" + ")" * 30, 25, "at most 24 deep"),
        ("a " * 80, 129, "at most 64 terms"),
        ("a" * 5000, 4000, "at most 4,000 characters"),
    ],
)
def test_an_error_names_the_position(text: str, position: int, says: str) -> None:
    with pytest.raises(Usage, match=re.escape(says)) as caught:
        run_filter(text)

    assert caught.value.where == f"filter position {position}"
    assert caught.value.next_step


def test_quotes_keep_spaces_and_signs_together() -> None:
    word = run_filter('"a b:c > d"')
    metric = run_filter('"slice.origin=J K:F.auc">0.7')
    escaped = run_filter(r'"say \"no\""')

    assert list(word.parameters.values()) == ["%a b:c > d%"]
    assert list(metric.parameters.values()) == ["slice.origin=J K:F.auc", 0.7]
    assert list(escaped.parameters.values()) == ['%say "no"%']


def test_a_bar_binds_loosest() -> None:
    made = run_filter("flow:a state:failed | flow:b")

    assert made.sql == "(((r.flow || '') = :f0 AND (r.state || '') = :f1) OR (r.flow || '') = :f2)"


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("flow:train state:failed", "flow = train and state = failed"),
        ("!state:failed", "not state=failed"),
        ("a | b c", "a or (b and c)"),
        ("metrics.auc>.72", "metrics.auc > .72"),
        ("metrics.auc >.72", "metrics.auc> .72"),
        ("m.auc>=.72", "metric.auc >= 0.72"),
        ("auc>.72", "metrics.auc > 0.72"),
        ("slice.origin=JFK.auc>0.7", 'metrics."slice.origin=JFK.auc" > 0.7'),
        ("params.learner=lightgbm", 'p.learner:"lightgbm"'),
    ],
)
def test_two_ways_to_say_the_same(one: str, same: str) -> None:
    assert run_filter(one).sql == run_filter(same).sql
    assert run_filter(one).parameters == run_filter(same).parameters


def test_an_index_is_only_asked_about_what_every_row_must_be() -> None:
    assert len(run_filter("params.learner = lightgbm state:failed").narrow) == 2
    assert len(run_filter("params.learner = lightgbm or state:failed").narrow) == 1
    assert run_filter("params.learner = lightgbm or error:x").narrow == ()
    assert run_filter("not params.learner = lightgbm").narrow == ()
    assert run_filter("params.learner = light*").narrow == ()
    assert run_filter("params.learner != lightgbm").narrow == ()


def test_an_empty_filter_keeps_everything() -> None:
    assert run_filter("  ").sql == ""


@given(HOSTILE)
def test_any_text_is_a_filter_or_a_usage_error_with_a_position_inside_it(text: str) -> None:
    made, position = None, 1
    try:
        made = compile_filter(text, LANGUAGE)
    except Usage as error:
        position = int((error.where or "").removeprefix("filter position "))

    assert 1 <= position <= max(len(text), 1)
    assert made is None or set(re.findall(r":(f\d+)", made.sql)) == set(made.parameters)


@given(HOSTILE)
def test_nothing_that_was_typed_stands_in_the_sql(text: str) -> None:
    try:
        made = compile_filter(text, LANGUAGE)
    except Usage:
        return

    other = compile_filter("x", LANGUAGE).sql
    known = {
        *re.findall(r"\w+", other),
        *re.findall(r"\w+", str(LANGUAGE)),
        "NOT",
        "AND",
        "OR",
        "FALSE",
        "coalesce",
        "lower",
        "LIKE",
        "ESCAPE",
        "IS",
        "NULL",
    }
    assert {word for word in re.findall(r"\w+", made.sql) if not re.fullmatch(r"f?\d+", word)} <= known


@given(st.lists(WORD, min_size=1, max_size=5))
def test_words_come_back_as_they_were_typed(words: list[str]) -> None:
    assert [token.text for token in tokens_of("  ".join(words))] == words


@given(HOSTILE)
def test_every_filter_that_compiles_runs(many: Reader, text: str) -> None:
    try:
        made = run_filter(text)
    except Usage:
        return

    page_of_runs(many, where=made, limit=1, project="churn")
