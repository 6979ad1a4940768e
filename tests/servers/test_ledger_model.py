"""The ledger against a model in plain dictionaries, whatever happens in whatever order."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from lib.errors import InputError
from lib.ledger.query import ask, check_ledger_query
from lib.ledger.store import forget_person
from lib.ledger.verify import verify
from tests.support.kept import (
    NOW,
    OCTOBER,
    Amounts,
    amounts_in_table,
    amounts_of,
    in_folder,
    put,
)
from tests.support.profiles import examples

MONTHS = ("2026-08", "2026-09", "2026-10")
PARTS = ("completions", "embeddings", "images")
PEOPLE = ("u1", "u2", "ü\n3")

amounts = st.dictionaries(
    st.tuples(
        st.sampled_from(["alpha", "", "名前", None]), st.sampled_from(["requests", "tokens"])
    ),
    st.integers(0, 2**63 - 1) | st.none(),
    max_size=4,
)
months = st.sampled_from(MONTHS)


class Killed(BaseException):
    """The process ends here."""


class LedgerModel(RuleBasedStateMachine):
    """Captures, complete or not; expiry, new names, other numbers, and being killed."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.ledger = in_folder(Path(self.folder.name))
        self.kept: dict[str, tuple[Amounts, frozenset[str]]] = {}
        self.names: dict[str, str] = {}
        self.forgotten: set[str] = set()
        self.hours = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(month=months, said=amounts, failed=st.frozensets(st.sampled_from(PARTS), max_size=2))
    def capture(self, month: str, said: Amounts, failed: frozenset[str]) -> None:
        self.hours += 1
        put(self.ledger, said, _key(month), hours=self.hours, failed=failed)
        before = self.kept.get(month)
        if before is None or (failed <= before[1] and (said or not before[0])):
            stay = before[0] if before and "completions" in failed else {}
            self.kept[month] = {**stay, **said}, failed

    @rule(month=months)
    def the_same_again(self, month: str) -> None:
        if month not in self.kept:
            return
        self.hours += 1
        said, failed = self.kept[month]
        outcome = put(self.ledger, said, _key(month), hours=self.hours, failed=failed)
        assert outcome.what == "confirmed"
        assert outcome.capture.confirmed_at == NOW + timedelta(hours=self.hours)

    @rule(month=months, said=amounts, failed=st.frozensets(st.sampled_from(PARTS), max_size=2))
    def told_late(self, month: str, said: Amounts, failed: frozenset[str]) -> None:
        standing = {capture.month: capture for capture in self.ledger.captures()}
        if month not in standing:
            return
        asked = (standing[month].confirmed_at - NOW) / timedelta(hours=1) - 0.5
        outcome = put(self.ledger, said, _key(month), hours=asked, failed=failed)
        assert (outcome.what, outcome.capture) == ("kept", standing[month])

    @rule(month=months, said=amounts)
    def killed_after_the_rows_are_committed(self, month: str, said: Amounts) -> None:
        self.hours += 1
        warehouse = self.ledger.warehouse
        usual = warehouse.overwrite

        def then_killed(*words: Any) -> Any:
            usual(*words)
            raise Killed

        warehouse.overwrite = then_killed  # type: ignore[method-assign]
        try:
            put(self.ledger, said, _key(month), hours=self.hours)
        except Killed:
            pass
        finally:
            warehouse.overwrite = usual  # type: ignore[method-assign]

    @rule(person=st.sampled_from(PEOPLE), name=st.text(min_size=1, max_size=5), month=months)
    def renamed(self, person: str, name: str, month: str) -> None:
        self.hours += 1
        said, failed = self.kept.get(month, ({}, frozenset()))
        put(
            self.ledger,
            said,
            _key(month),
            hours=self.hours,
            failed=failed,
            names=[("user", person, name)],
        )
        self.kept[month] = said, failed
        if person not in self.forgotten:
            self.names[person] = name

    @rule(person=st.sampled_from(PEOPLE))
    def forgotten_by_all(self, person: str) -> None:
        if person not in {*self.names, *self.forgotten}:
            with pytest.raises(InputError, match="nowhere in the ledger"):
                forget_person(self.ledger, person, NOW)
            return
        forget_person(self.ledger, person, NOW)
        self.forgotten.add(person)
        self.names.pop(person, None)

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        captures = {capture.month: capture for capture in self.ledger.captures()}
        assert {month: capture.failed for month, capture in captures.items()} == {
            month: failed for month, (_, failed) in self.kept.items()
        }
        for month, (said, _) in self.kept.items():
            assert amounts_of(self.ledger, _key(month)) == said
        named = self.ledger.names(OCTOBER.platform, OCTOBER.account)
        assert named == {("user", person): name for person, name in self.names.items()}

    @invariant()
    def what_was_asked_for_last_is_what_counts(self) -> None:
        assert self.ledger.captures(as_of=NOW + timedelta(days=99)) == self.ledger.captures()

    @invariant()
    def sums_are_those_of_the_model(self) -> None:
        query = check_ledger_query(
            since=NOW.date().replace(month=8, day=1), until=NOW.date(), by=["month", "metric"]
        )
        told = {amount.group: amount.quantity for amount in ask(self.ledger, query).amounts}
        expected: dict[tuple[str, str], int | None] = {}
        for month, (said, _) in self.kept.items():
            for (_, metric), value in said.items():
                before = expected.get((month, metric))
                known = [number for number in (before, value) if number is not None]
                expected[month, metric] = sum(map(int, known)) if known else None
        assert told == expected

    def check_the_end(self) -> None:
        """Once all is confirmed, other engines see the same, and every file is as it was written."""
        for month, (said, failed) in self.kept.items():
            put(self.ledger, said, _key(month), hours=self.hours, failed=failed)
            assert amounts_in_table(self.ledger, _key(month)) == said
        if self.kept:
            assert {finding.kind for finding in verify(self.ledger)} <= {"orphan", "gap"}


def _key(month: str) -> Any:
    return OCTOBER._replace(month=month)


@pytest.mark.dear
def test_whatever_happens_in_whatever_order_the_ledger_holds_what_the_laws_say() -> None:
    class Checked(LedgerModel):
        def teardown(self) -> None:
            if hasattr(self, "kept"):
                self.check_the_end()
            super().teardown()

    # To make a failure smaller takes minutes: each step waits for a disk
    steps = settings(examples(20), stateful_step_count=12, phases=[Phase.reuse, Phase.generate])
    run_state_machine_as_test(Checked, settings=steps)
