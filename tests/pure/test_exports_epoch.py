"""Milliseconds since 1970: people see times in UTC, JSON keeps the numbers, and 0 means never."""

import json

import pandas as pd

from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.terminal import to_terminal
from lib.reports.report import Column, Table
from tests.support.report_strategies import report

NEVER, SEEN, NO_TIME = 0, 1_618_908_727_532, 10**18


def seen_at(*values):
    frame = pd.DataFrame({"name": [*"abcdef"][: len(values)], "seen_ms": pd.array(values, "Int64")})
    columns = (Column("name", "Name"), Column("seen_ms", "Seen", "epoch_ms"))
    return report(tables=(Table("users", "Users", frame, columns),))


def test_json_keeps_the_numbers_and_the_zero():
    rows = json.loads(to_json(seen_at(NEVER, SEEN, None, NO_TIME)))["tables"]["users"]
    assert [row["seen_ms"] for row in rows] == [NEVER, SEEN, None, NO_TIME]


def test_a_program_reads_the_same_numbers_in_csv_as_in_json():
    lines = to_csv(seen_at(NEVER, SEEN, None, NO_TIME), "users", "machine").decode().split("\n")
    assert lines[0] == "name,seen_ms"
    assert [line.split(",")[1] for line in lines[1:5]] == ["0", str(SEEN), "", str(NO_TIME)]


def test_a_spreadsheet_shows_times_under_a_name_without_a_unit_and_leaves_never_empty():
    lines = to_csv(seen_at(NEVER, SEEN, None, NO_TIME), "users", "excel").decode().split("\n")
    assert lines[0].strip().endswith("name,seen")
    cells = [line.strip().split(",")[1] for line in lines[1:5]]
    assert cells == ["", "2021-04-20T08:52:07.532000Z", "", str(NO_TIME)]


def test_whole_seconds_are_written_as_such():
    assert b"a,2021-04-20T08:52:07Z" in to_csv(seen_at(SEEN - 532), "users", "excel")


def test_the_terminal_shows_utc_and_a_dash_for_never():
    text = to_terminal(seen_at(NEVER, SEEN), width=None, colour=False)
    assert "2021-04-20 08:52 UTC" in text
    assert "│ a    │ —" in text


def test_a_column_of_nevers_is_not_shown_on_a_terminal():
    assert "Seen" not in to_terminal(seen_at(NEVER, NEVER), width=None, colour=False)
