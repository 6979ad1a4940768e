"""A chargeback report becomes frames as the server wrote it: nothing lost, nothing corrected."""

import gzip
import json
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from lib.errors import InputError, SourceReplyError
from lib.sources.comet.chargeback.answer import Chargeback
from lib.sources.comet.chargeback.ask import parse_chargeback
from lib.sources.comet.chargeback.columns import MOST_UNKNOWN, field_called
from lib.sources.comet.chargeback.files import LARGEST_FILE, choose_reports, read_report_file
from lib.sources.comet.chargeback.tables import FIELDS

ADA = {"username": "ada", "email": "ada@corp.test", "createdAt": 1675209600000}
VISION = {
    "name": "vision",
    "numberOfMembers": 1,
    "numberOfExperiments": 120,
    "totalSizeInMb": 5310.2,
    "members": [{"userName": "ada", "email": "ada@corp.test", "totalSizeInMb": 1}],
    "projects": [{"name": "detector", "numberOfExperiments": 120, "totalSizeInMb": 5310.20}],
}


def text(users: Any = None, workspaces: Any = None, **more: Any) -> bytes:
    document = {
        "workspaces": [VISION] if workspaces is None else workspaces,
        "users": {"licensedUsers": [ADA]} if users is None else users,
    }
    return json.dumps(document | more).encode()


def parse(users: Any = None, workspaces: Any = None, **more: Any) -> Chargeback:
    return parse_chargeback(text(users, workspaces, **more), "current")


def user(**fields: Any) -> Chargeback:
    return parse({"licensedUsers": [ADA | fields]})


def cell(report: Chargeback, column: str, table: str = "users") -> Any:
    return getattr(report, table)[column].iloc[0]


@pytest.mark.parametrize(
    "users",
    [
        {"licensedUsers": [ADA]},
        {"report": [ADA]},
        {"report": {"licensedUsers": [ADA]}},
        {"report": {"report": {"report": [ADA]}}},
        [ADA],
        {"licensedUsers": [ADA], "report": [ADA, ADA]},
    ],
)
def test_users_are_found_in_every_shape_of_their_container(users: Any) -> None:
    report = parse(users)
    assert report.users["username"].tolist() == ["ada"]
    usual = isinstance(users, dict) and "licensedUsers" in users
    assert bool(report.notes) is not usual, "an unusual shape is named"


def test_licensed_users_win_even_when_there_are_none() -> None:
    assert parse({"licensedUsers": [], "report": [ADA]}).users.empty


@pytest.mark.parametrize("spelling", ["created_at", "createdAt"])
def test_both_spellings_of_creation_are_one_column(spelling: str) -> None:
    report = parse([{"username": "ada", spelling: 5}])
    assert report.users["created_at"].tolist() == [5]
    assert "createdAt" not in report.users


def test_a_spelling_may_change_from_user_to_user() -> None:
    report = parse([{"username": "a", "created_at": 1}, {"username": "b", "createdAt": 2}])
    assert report.users["created_at"].tolist() == [1, 2]


def test_two_different_times_of_creation_are_noted() -> None:
    report = parse({"licensedUsers": [ADA | {"created_at": 1}]})
    assert report.users["created_at"].tolist() == [1]
    assert any("two different times" in note for note in report.notes)


@pytest.mark.parametrize("level", ["top", "users", "report"])
def test_the_organization_is_found_at_every_level(level: str) -> None:
    users: dict[str, Any] = {"report": {"licensedUsers": [ADA]}}
    top: dict[str, Any] = {}
    {"top": top, "users": users, "report": users["report"]}[level]["organizationId"] = "org-1"
    assert parse(users, **top).organization_id == "org-1"


def test_the_facts_beside_the_lists_are_kept() -> None:
    users = {"numberOfUsers": 52, "createdAt": 1727740800000, "licensedUsers": [ADA]}
    raw = text(users, reportDate="2024-09")
    report = parse_chargeback(raw, "current")
    assert (report.number_of_users, report.created_at) == (52, 1727740800000)
    assert (report.month, report.label, report.raw) == ("2024-09", "current", raw)
    assert parse().month is None


def test_sizes_are_exactly_as_written() -> None:
    written = b'{"workspaces":[{"name":"a","totalSizeInMb":0.1000000000000000055511151231257827},'
    written += b'{"name":"b","totalSizeInMb":5310.20},{"name":"c","totalSizeInMb":7}]}'
    sizes = parse_chargeback(written, "x").workspaces["totalSizeInMb"].tolist()
    assert [str(size) for size in sizes] == ["0.1000000000000000055511151231257827", "5310.20", "7"]
    assert {type(size) for size in sizes} == {Decimal}


def test_documented_columns_are_there_in_order_and_null_when_no_record_has_them() -> None:
    report = parse([], [])
    for table, fields in FIELDS.items():
        assert list(getattr(report, table).columns) == list(fields)
    report = user()
    assert report.users.dtypes.map(str)[["uiUsageCount", "suspended", "username"]].tolist() == [
        "Int64",
        "boolean",
        "str",
    ]
    assert report.users["opikSpanCount"].isna().all()


def test_projects_are_counted_or_their_bare_number_is_taken_and_noted() -> None:
    rows = [VISION, VISION | {"name": "nlp", "projects": 7}, {"name": "empty"}]
    report = parse(workspaces=rows)
    counts = report.workspaces["numberOfProjects"]
    assert counts[:2].tolist() == [1, 7]
    assert counts[2] is pd.NA
    assert report.projects["workspace"].tolist() == ["vision"]
    assert any("Of 1 workspace the number of projects" in note for note in report.notes)
    assert report.unread == 0


def test_members_and_projects_carry_their_workspace() -> None:
    member = {"userName": "ada"}
    rows = [
        {"name": "a", "members": [member, member]},
        {"name": "b", "members": []},
        {"name": None, "members": [member]},
        {"name": "d", "members": [member, None, member]},
    ]
    report = parse(workspaces=rows)
    found = report.members["workspace"].tolist()
    assert found[:2] + found[3:] == ["a", "a", "d", "d"]
    assert report.members["workspace"].isna().tolist() == [False, False, True, False, False]
    assert report.unread == 1


@pytest.mark.parametrize("value", [3, 3.0, "3", "3.0", " 3 "])
def test_whole_numbers_are_read_however_they_are_written(value: Any) -> None:
    report = user(uiUsageCount=value)
    assert cell(report, "uiUsageCount") == 3
    assert report.unread == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("uiUsageCount", 2.5),
        ("uiUsageCount", "many"),
        ("uiUsageCount", True),
        ("uiUsageCount", [1]),
        ("uiUsageCount", 2**63),
        ("uiUsageCount", float("nan")),
        ("lastUsedAt", "2024-09-01T00:00:00Z"),
        ("dataLoggedMb", "1e99999"),
        ("dataLoggedMb", 10**60),
        ("dataLoggedMb", float("inf")),
        ("dataLoggedMb", {}),
        ("suspended", "perhaps"),
        ("suspended", 2),
        ("email", ["ada@corp.test"]),
        ("email", True),
    ],
)
def test_a_value_of_an_unexpected_kind_is_null_and_counted(column: str, value: Any) -> None:
    report = parse({"licensedUsers": [ADA | {column: value}, ADA | {"username": "bo"}]})
    assert pd.isna(cell(report, column))
    told = f" of users ({column}): 1 values cannot be read and count as unknown."
    (note,) = [note for note in report.notes if note.endswith(told)]
    assert note.removesuffix(told) not in ("Field", column)
    assert report.unread == 1


def test_every_documented_field_has_a_name_for_people() -> None:
    for table, fields in FIELDS.items():
        for field in (*fields, *("members", "projects")):
            assert field_called(f"{table}.{field}").endswith(f" of {table} ({field})")
            assert not field_called(f"{table}.{field}").startswith(("Field", field))
    for name in ("reportDate", "users.createdAt", "users.numberOfUsers"):
        assert "report" in field_called(name).lower() or "number" in field_called(name).lower()


def test_entries_that_are_no_records_are_counted() -> None:
    report = parse({"licensedUsers": [ADA, "bo", None, 3]}, [VISION, []])
    assert (len(report.users), len(report.workspaces), report.unread) == (1, 1, 4)
    assert "Users: 3 entries are no records and are left out." in report.notes


def test_undocumented_fields_are_kept_and_named() -> None:
    report = user(teamId=7, tags=["a", "b"], plan="pro")
    assert report.users["teamId"].dtype == "Int64"
    assert [cell(report, name) for name in ("teamId", "tags", "plan")] == [7, '["a", "b"]', "pro"]
    assert any("users.teamId, users.tags, users.plan" in note for note in report.notes)
    assert report.unread == 0


def test_a_field_named_like_a_column_of_ours_gets_another_name() -> None:
    row = VISION | {"numberOfProjects": 99, "members": [{"userName": "ada", "workspace": "x"}]}
    report = parse(workspaces=[row | {"reply_numberOfProjects": 5}])
    assert cell(report, "numberOfProjects", "workspaces") == 1
    clash = [name for name in report.workspaces if name.startswith("reply_")]
    assert sorted(report.workspaces[clash].iloc[0].tolist()) == [5, 99]
    assert cell(report, "reply_workspace", "members") == "x"
    assert cell(report, "workspace", "members") == "vision"


def test_a_record_with_a_thousand_fields_does_not_make_a_thousand_columns() -> None:
    report = user(**{f"field{number}": number for number in range(1_000)})
    assert len(report.users.columns) == len(FIELDS["users"]) + MOST_UNKNOWN
    assert any(f"{1_000 - MOST_UNKNOWN} more fields" in note for note in report.notes)


def test_repeated_names_are_kept_and_noted() -> None:
    report = parse([ADA, ADA, {"username": None}, {"username": None}], [VISION, VISION])
    assert (len(report.users), len(report.workspaces)) == (4, 2)
    assert any("1 names stand more than once among the users" in note for note in report.notes)
    assert any("workspaces" in note and "vision" in note for note in report.notes)


NAMES = [
    "=cmd|' /C calc'!A0",
    "<script>",
    "a\x00b",
    "\u202eevil",
    "🦊" * 300,
    "[[[[[[" * 9,
    '"{',
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_data(name: str) -> None:
    report = parse([ADA | {"username": name}], [VISION | {"name": name}])
    assert report.users["username"].tolist() == [name]
    assert report.projects["workspace"].tolist() == [name]


def test_half_a_surrogate_pair_is_marked_instead_of_stopping_the_report() -> None:
    report = parse_chargeback(b'{"users":[{"username":"a\\ud800b","\\udfff":"\\ud800"}]}', "x")
    assert report.users["username"].tolist() == ["a\ufffdb"]
    assert report.users["\ufffd"].tolist() == ["\ufffd"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<!doctype html><title>Sign in</title>", "web page"),
        (gzip.compress(text()), "packed"),
        (b"PK\x03\x04rest", "packed"),
        (text()[:-20], "breaks off"),
        (b"not JSON", "malformed"),
        (b'{"users":[{"username":"caf\xe9"}]}', "UTF-8"),
        (b"[" * 100_000, "levels deep"),
        (b'{"workspaces":' + b"[" * 30 + b"]" * 30 + b"}", "levels deep"),
        (b'{"a":"' + b"]" * 500_000 + b'","b":' + b"[" * 400_000 + b"}", "malformed"),
        (b"[]", "another shape"),
        (b"17", "another shape"),
        (b'{"users": 5, "workspaces": "all"}', "another shape"),
        (b'{"object":"list","users":[{"id":"u1","role":"owner"}]}', "another shape"),
        (b'{"msg":"not found","code":404}', "another shape"),
        (b'{"schema":"usage-report/1","tables":{"users":[]},"users":[]}', "this dashboard wrote"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as of_file:
        read_report_file("my report.json", data)
    assert "my report.json" in str(of_file.value)
    assert of_file.value.remedy
    with pytest.raises(SourceReplyError, match=said) as of_server:
        parse_chargeback(data, "x", "comet:chargeback:2024-08")
    assert of_server.value.source == "comet:chargeback:2024-08"


def test_a_file_beyond_the_bound_is_not_read() -> None:
    with pytest.raises(InputError, match="larger than 200 MB"):
        read_report_file("big.json", bytes(LARGEST_FILE + 1))


def test_a_byte_order_mark_is_accepted() -> None:
    assert len(read_report_file("a.json", b"\xef\xbb\xbf" + text()).users) == 1


def of(label: str, month: str | None = None, made: int | None = None) -> Chargeback:
    users = {"licensedUsers": [ADA], "createdAt": made, "numberOfUsers": len(label)}
    return read_report_file(label, text(users, reportDate=month, organizationId=label))


@pytest.mark.parametrize(
    ("given_files", "expected"),
    [
        ([of("a", "2024-09"), of("b", "2024-08")], ("a", "b")),
        ([of("a", "2024-09", 1), of("b", "2024-08", 2)], ("a", "b")),
        ([of("a", None, 9), of("b", "2024-08", 5)], ("a", "b")),
        ([of("a", "2024-08", 9), of("b", "2024-08", 5)], ("a", "b")),
        ([of("a"), of("b")], ("b", "a")),
        ([of("a", "2024-07"), of("b", "2024-09"), of("c", "2024-08")], ("b", "c")),
        ([of("a")], ("a", None)),
        ([of("a"), of("a")], ("a", None)),
    ],
)
def test_the_latest_file_is_shown_and_the_one_before_it_compared(
    given_files: list[Chargeback], expected: tuple[str, str | None]
) -> None:
    chosen = choose_reports(given_files)
    assert (chosen.report.label, chosen.earlier and chosen.earlier.label) == expected
    if len(given_files) > 2:
        assert any("Not shown: a" in note for note in chosen.notes)


def test_a_month_asked_for_chooses_among_the_files() -> None:
    files = [of("a", "2024-07"), of("b", "2024-08"), of("c", "2024-09")]
    chosen = choose_reports(files, "2024-08")
    assert (chosen.report.label, chosen.earlier and chosen.earlier.label) == ("b", "a")
    with pytest.raises(InputError, match="2023-01"):
        choose_reports(files, "2023-01")
