"""Rows to measures and back, whatever the platform."""

from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.usage.measure import QUANTITY, Counted, measures, packed, places, quantity, unpacked
from lib.usage.measured import in_form, rows_of, shortest
from tests.support.ledger import kept
from tests.support.profiles import examples

texts = st.none() | st.sampled_from(("", "nan", "None", "a")) | st.text(max_size=2)


def frame_of(**columns: list[object]) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    start = pd.to_datetime(["2026-11-16"] * size, utc=True)
    return pd.DataFrame(
        {"start": start, "end": start + pd.Timedelta(days=1), "part": "p", **columns}
    )


def test_a_column_may_tell_each_rows_metric() -> None:
    frame = frame_of(what=["cost", "price"], value=[Decimal("1.5"), None], unit=["USD", None])
    told = Counted("value", unit_column="unit", nulls=True, metric_column="what")
    found = measures("p", "a", frame, [told]).to_pylist()
    assert [(row["metric"], row["quantity"], row["unit"]) for row in found] == [
        ("cost", Decimal("1.5"), "USD"),
        ("price", None, ""),
    ]


def test_a_unit_without_a_value_is_a_measure_that_is_not_known() -> None:
    frame = frame_of(value=[None, 1, None], unit=["GB", None, None])
    found = measures("p", "a", frame, [Counted("value", "size", unit_column="unit")]).to_pylist()
    assert [(row["quantity"], row["unit"]) for row in found] == [(None, "GB"), (1, "")]


@pytest.mark.parametrize(
    "text", ["9" * 20 + "." + "9" * 19, "-" + "9" * 20 + ".9999999999999999995"]
)
def test_a_number_that_is_rounded_to_one_more_digit_than_fits_is_not_known(text: str) -> None:
    assert quantity(Decimal(text)) is None
    assert pa.array([quantity(Decimal("9" * 20 + "." + "9" * 18))], QUANTITY).null_count == 0


@examples(100)
@given(st.decimals(-(10**19), 10**19, places=18))
def test_the_shortest_form_of_a_number_is_that_number(number: Decimal) -> None:
    short = shortest(number)
    assert short == number
    assert "E+" not in str(short)
    assert len(str(short)) <= len(f"{number:f}")


@examples(100)
@given(st.lists(st.tuples(texts, texts, st.none() | st.booleans()), max_size=8))
def test_rows_are_told_apart_exactly_where_they_differ(
    rows: list[tuple[str | None, str | None, bool | None]],
) -> None:
    one, other, flag = zip(*rows, strict=True) if rows else ((), (), ())
    frame = pd.DataFrame(
        {
            "a": pd.Series(one, dtype="str"),
            "b": pd.Series(other, dtype="str"),
            "c": pd.array([*flag], dtype="boolean"),
        }
    )
    assert len({*places(frame)}) == len({*rows})
    assert [tuple(map(row.get, "abc")) for row in unpacked(packed(frame))] == rows


@examples(60)
@given(
    st.lists(st.tuples(texts, texts, st.integers(0, 3)), max_size=8, unique_by=lambda row: row[:2])
)
def test_measures_find_the_rows_they_are_of(rows: list[tuple[str | None, str | None, int]]) -> None:
    one, other, value = zip(*rows, strict=True) if rows else ((), (), ())
    frame = frame_of(
        sub_account=pd.Series(one, dtype="str"),  # type: ignore[arg-type]
        sku=pd.Series(other, dtype="str"),  # type: ignore[arg-type]
        value=pd.array([*value], dtype="Int64"),  # type: ignore[arg-type]
    )
    counted = [Counted("value", metric) for metric in ("x", "y")]
    found = kept(measures("p", "a", frame, counted), shuffle=1)
    back, place = rows_of(found)
    assert len(back) == len(rows)
    for measure, row in zip(found.to_pylist(), place, strict=True):
        for key in ("sub_account", "sku"):
            cell = back[key].iloc[row]
            assert (None if pd.isna(cell) else cell) == measure[key]


def test_measures_have_their_form_again_whoever_read_them() -> None:
    found = measures("p", "a", frame_of(value=[1, 2]), [Counted("value", "x")])
    looser = pa.schema(
        [
            pa.field(field.name, pa.large_string() if field.type == pa.string() else field.type)
            for field in found.schema
        ]
    )
    other = found.cast(looser).select(found.schema.names[::-1])
    assert other.schema != found.schema
    assert in_form(other) == found
