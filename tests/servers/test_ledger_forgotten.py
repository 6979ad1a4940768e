"""Who is forgotten has no name or address anywhere in the ledger, and none comes back; amounts stay."""

import json
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import insert

from lib.capture.platforms import chargeback_said, openai_said
from lib.errors import InputError
from lib.ledger.keeping import keep
from lib.ledger.store import Ledger, erase_forgotten, every_capture, forget_person
from lib.ledger.tables import FORGOTTEN
from lib.ledger.warehouse import Month
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.parse import read_chargeback
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.measures import answer_of, names_of
from lib.usage.measure import Name
from tests.support.kept import OCTOBER, put
from tests.support.replies import MONDAY, NOW
from tests.support.replies import answer_of as answered

pytest_plugins = ["tests.support.ledgers"]

ADDRESS, ELSE = "ann@corp.example", "boss@corp.example"


def usage(**fields: str) -> OpenAIAnswer:
    row = {"project_id": "proj-a", "user_id": "u1", "input_tokens": 5, "tier": "gold"}
    return answered({"completions": {MONDAY: [row | fields]}}, host="api.example")


def everything(ledger: Ledger) -> str:
    """All that rows and captures say, as one text."""
    captures = every_capture(ledger)
    rows = [ledger.warehouse.rows(capture.files).to_pylist() for capture in captures]
    return repr((rows, [(capture.facts, capture.lost) for capture in captures]))


def back(ledger: Ledger) -> pd.DataFrame:
    """The usage that is read out of the ledger."""
    (capture,) = ledger.captures()
    names = [Name(*entry, name) for entry, name in ledger.names("openai", "api.example").items()]
    return answer_of(ledger.warehouse.rows(capture.files), names, capture.facts).usage


def test_an_address_in_a_field_that_nobody_documents_stands_in_no_row_and_is_read_back(
    folder_ledger: Ledger,
) -> None:
    answer = usage(user_email=ADDRESS, display_name="Ann Lee")
    keep(folder_ledger, openai_said(answer, "2026-11", NOW))
    assert ADDRESS not in everything(folder_ledger)
    assert "Ann Lee" not in everything(folder_ledger)
    assert "gold" in everything(folder_ledger), "what names nobody is told in the rows"
    (row,) = back(folder_ledger).to_dict("records")
    assert (row["user_email"], row["display_name"], row["tier"]) == (ADDRESS, "Ann Lee", "gold")


def test_who_is_forgotten_has_no_address_in_such_a_field_either_and_none_comes_back(
    folder_ledger: Ledger,
) -> None:
    answer = usage(user_email=ADDRESS)
    keep(folder_ledger, openai_said(answer, "2026-11", NOW))
    assert forget_person(folder_ledger, "u1", NOW) == 1
    again = keep(folder_ledger, openai_said(answer, "2026-11", NOW + timedelta(hours=1)))
    assert again.what == "confirmed"
    assert folder_ledger.names("openai", "api.example") == {}
    (row,) = back(folder_ledger).to_dict("records")
    assert row["user_email"].startswith("@")
    assert row["input_tokens"] == 5


def test_an_address_of_somebody_else_is_forgotten_by_the_key_that_the_row_has(
    folder_ledger: Ledger,
) -> None:
    answer = usage(manager=ELSE)
    keep(folder_ledger, openai_said(answer, "2026-11", NOW))
    assert [name.name for name in names_of(answer)] == [ELSE]
    (capture,) = folder_ledger.captures()
    [dimensions] = folder_ledger.warehouse.values("dimensions", capture.files)
    key = dimensions.partition('"manager": "')[2].partition('"')[0]
    assert forget_person(folder_ledger, key, NOW) == 1


def test_two_addresses_of_one_person_keep_their_rows_apart(folder_ledger: Ledger) -> None:
    row = {"project_id": "proj-a", "user_id": "u1", "input_tokens": 5}
    rows = [row | {"owner_email": address} for address in (ADDRESS, ELSE)]
    answer = answered({"completions": {MONDAY: rows}}, host="api.example")
    keep(folder_ledger, openai_said(answer, "2026-11", NOW))
    assert {*back(folder_ledger)["owner_email"]} == {ADDRESS, ELSE}


def report(**fields: Any) -> ChargebackAnswer:
    user = {"username": "ann", "email": ADDRESS, **fields}
    document = {"users": {"licensedUsers": [user]}, "workspaces": []}
    read = read_chargeback(json.dumps(document).encode(), "a")
    return ChargebackAnswer(read, None, None, (), (), "comet.example")


def test_the_same_goes_for_fields_of_a_comet_report(folder_ledger: Ledger) -> None:
    answer = report(alias=ELSE, team="vision")
    keep(folder_ledger, chargeback_said(answer, "2026-11", NOW))
    for address in (ADDRESS, ELSE):
        assert address not in everything(folder_ledger)
    assert "vision" in everything(folder_ledger)
    names = folder_ledger.names("comet-chargeback", "comet.example")
    assert sorted(names.values()) == [ADDRESS, ELSE]
    assert forget_person(folder_ledger, "ann", NOW) == 2


PLACES = (
    Month("comet-chargeback", "comet.example", "2026-10"),
    OCTOBER._replace(account="api.example/org-b"),
    OCTOBER,
)


def test_who_is_forgotten_has_no_name_on_a_platform_or_account_that_comes_later(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, {("alpha", "tokens"): 1}, names=[("user", "u1", "Ann")])
    assert forget_person(folder_ledger, "u1", NOW) == 1
    for key in PLACES:
        put(folder_ledger, {("alpha", "tokens"): 1}, key, hours=1, names=[("email", "u1", ADDRESS)])
        assert folder_ledger.names(key.platform, key.account) == {}


def test_what_was_forgotten_by_an_earlier_program_stays_so(folder_ledger: Ledger) -> None:
    put(folder_ledger, {("alpha", "tokens"): 1}, names=[("user", "u1", "Ann")])
    earlier = {"platform": "openai", "account": "api.example", "id": "u1", "forgotten_at": NOW}
    with folder_ledger.database.writing() as connection, connection.begin():
        connection.execute(insert(FORGOTTEN), earlier)
        assert erase_forgotten(connection) == 1
    put(folder_ledger, {("alpha", "tokens"): 1}, hours=1, names=[("user", "u1", "Ann")])
    assert folder_ledger.names("openai", "api.example") == {}


def test_an_id_that_the_ledger_has_never_seen_is_not_told_to_be_forgotten(
    folder_ledger: Ledger,
) -> None:
    keep(folder_ledger, openai_said(usage(), "2026-11", NOW))
    with pytest.raises(InputError, match=r"'u-1' stands nowhere in the ledger\."):
        forget_person(folder_ledger, "u-1", NOW)
    assert forget_person(folder_ledger, "u1", NOW) == 0, "there are amounts of it, and no name"
    assert forget_person(folder_ledger, "u1", NOW) == 0, "it is known to be forgotten"


def test_nobody_can_be_forgotten_where_there_is_no_ledger(folder_ledger: Ledger) -> None:
    with pytest.raises(InputError, match="nowhere in the ledger"):
        forget_person(folder_ledger, "u1", NOW)
