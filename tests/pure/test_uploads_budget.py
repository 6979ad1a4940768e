"""One person's uploads: bounded in number and bytes, and given back with the files."""

from hypothesis import given
from hypothesis import strategies as st

from lib.access.uploads import MOST_BYTES, MOST_FILES, Place, UploadBudgets

ANN, BOB = "ann@company.com", "bob@company.com"


def place(number: int) -> Place:
    return "session", str(number)


def uploaded(budgets: UploadBudgets, held: set[Place], person: str, number: int, size: int) -> bool:
    if not budgets.begin(person, place(number), size):
        return False
    held.add(place(number))
    budgets.finish(person, place(number))
    return True


def test_a_person_has_room_for_so_many_files_and_again_once_some_are_gone() -> None:
    held: set[Place] = set()
    budgets = UploadBudgets(held.__contains__)
    taken = [uploaded(budgets, held, ANN, number, 1) for number in range(MOST_FILES + 1)]
    assert taken == [True] * MOST_FILES + [False]
    assert uploaded(budgets, held, BOB, 100, 1), "another person has room of their own"
    held.remove(place(3))
    assert uploaded(budgets, held, ANN, 200, 1)
    assert not uploaded(budgets, held, ANN, 201, 1)


def test_files_still_on_their_way_count_and_one_that_failed_does_not() -> None:
    held: set[Place] = set()
    budgets = UploadBudgets(held.__contains__)
    assert budgets.begin(ANN, place(1), MOST_BYTES)
    assert not budgets.begin(ANN, place(2), 1)
    budgets.finish(ANN, place(1))  # and nothing was kept
    assert budgets.begin(ANN, place(2), MOST_BYTES)


def test_a_file_sent_anew_takes_the_place_of_the_old_one() -> None:
    held: set[Place] = set()
    budgets = UploadBudgets(held.__contains__)
    assert uploaded(budgets, held, ANN, 1, MOST_BYTES)
    assert uploaded(budgets, held, ANN, 1, MOST_BYTES)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, MOST_BYTES), st.booleans())))
def test_nobody_ever_holds_more(steps: list[tuple[int, int, bool]]) -> None:
    held: dict[Place, int] = {}
    budgets = UploadBudgets(held.__contains__)
    for number, size, comes_through in steps:
        if budgets.begin(ANN, place(number), size):
            if comes_through:
                held[place(number)] = size
            budgets.finish(ANN, place(number))
        else:
            held.pop(place(number), None)
        assert len(held) <= MOST_FILES
        assert sum(held.values()) <= MOST_BYTES
