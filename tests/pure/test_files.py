"""Files: whose each is, and that two are never taken for one."""

from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

import lib.ui.downloads  # noqa: F401 - as every page imports it
from lib.access.files import FileOwners


def test_a_file_is_of_whom_it_was_built_for_and_an_equal_one_of_both() -> None:
    owners = FileOwners()
    owners.add(b"a,b", "ann@company.com")
    assert owners.owns("ann@company.com", b"a,b")
    assert not owners.owns("bob@company.com", b"a,b")
    assert not owners.owns("ann@company.com", b"a,c")
    owners.add(b"a,b", "bob@company.com")
    assert owners.owns("ann@company.com", b"a,b")
    assert owners.owns("bob@company.com", b"a,b")


def test_large_files_that_differ_in_one_digit_anywhere_are_two() -> None:
    storage = MemoryMediaFileStorage("/media")
    report = bytearray(b"tenant,7\n" * 500_000)
    before, report[1_000_000] = bytes(report), ord("8")
    for data in (before, bytes(report)):
        name = storage.load_and_get_id(data, "text/csv", MediaFileKind.DOWNLOADABLE, "usage.csv")
        assert storage.get_file(name).content == data
