"""Signing out: replicas that share a folder all know of it, also after a restart; none is let in on a guess."""

import os
import time
from pathlib import Path

import httpx
import pytest

from lib.access.sign_outs import KEPT_SECONDS, Ended
from lib.access.visitors import Refusal, Visitor, decide, identity_of
from lib.errors import SettingsError
from tests.pure.test_access import NOW, SETTINGS, claims
from tests.servers.test_uploads import cookie_of, upload
from tests.support.hosted import hosted

WHO = identity_of(claims())
SOMEBODY_ELSE = identity_of(claims(nonce="another"))


def test_every_replica_of_a_folder_knows_who_has_signed_out_and_so_does_one_that_starts_later(
    tmp_path: Path,
) -> None:
    one, other = Ended(str(tmp_path)), Ended(str(tmp_path))
    assert WHO not in other
    one.add(WHO)
    for replica in (one, other, Ended(str(tmp_path))):
        assert WHO in replica
        assert SOMEBODY_ELSE not in replica
        decided = decide(claims(), SETTINGS, now=NOW, ended=replica)
        assert isinstance(decided, Refusal)
        assert decided.kind == "expired"
        assert isinstance(decide(claims(nonce="n2"), SETTINGS, now=NOW, ended=replica), Visitor)


def test_without_a_folder_only_the_process_that_was_told_knows() -> None:
    one = Ended("")
    one.add(WHO)
    assert WHO in one
    assert WHO not in Ended("")


def test_the_folder_holds_an_empty_file_that_tells_nothing_of_the_person(tmp_path: Path) -> None:
    secret = {"email": "canary@company.com", "sub": "canary-17", "nonce": "canary-nonce"}
    Ended(str(tmp_path)).add(identity_of(claims(**secret)))
    (file,) = tmp_path.iterdir()
    assert len(file.name) == 64
    assert int(file.name, 16) > 0
    assert "canary" not in file.name
    assert file.stat().st_size == 0
    assert file.stat().st_mode & 0o077 == 0


def test_files_go_once_no_sign_in_can_be_that_old_and_others_files_stay(tmp_path: Path) -> None:
    ended = Ended(str(tmp_path))
    ended.add(WHO)
    (tmp_path / "somebody's notes").touch()
    for age, there in ((168 * 3_600 + 300, True), (KEPT_SECONDS + 60, False)):
        for path in tmp_path.iterdir():
            os.utime(path, (time.time() - age,) * 2)
        ended.add(SOMEBODY_ELSE)
        assert (tmp_path / WHO).exists() is there
    assert {path.name for path in tmp_path.iterdir()} == {SOMEBODY_ELSE, "somebody's notes"}


@pytest.mark.parametrize("kind", ["missing", "a file", "a link to nowhere"])
def test_a_folder_that_cannot_be_used_lets_nobody_in_and_says_which_setting_to_correct(
    kind: str, tmp_path: Path, logged: list[str]
) -> None:
    place = tmp_path / "state"
    if kind == "a file":
        place.touch()
    elif kind == "a link to nowhere":
        place.symlink_to(tmp_path / "nowhere")
    ended = Ended(str(place))
    for ask in (lambda: decide(claims(), SETTINGS, now=NOW, ended=ended), ended.check):
        with pytest.raises(SettingsError, match="nobody could tell who has signed out") as caught:
            ask()
        assert caught.value.variable == "DASHBOARD_STATE_DIR"
    ended.add(WHO)
    assert WHO in ended, "this process knows, whatever happens"
    (line,) = logged
    assert line.startswith("ERROR A sign-out could not be written to DASHBOARD_STATE_DIR")
    assert WHO not in line


def test_trying_whether_a_folder_can_be_written_leaves_nothing_there(tmp_path: Path) -> None:
    Ended(str(tmp_path)).check()
    assert [*tmp_path.iterdir()] == []


def test_a_copied_cookie_opens_nothing_at_another_process_nor_after_a_restart(
    tmp_path: Path,
) -> None:
    state, first, second, later = (
        tmp_path / name for name in ("state", "first", "second", "later")
    )
    for folder in (state, first, second, later):
        folder.mkdir()
    setting = {"DASHBOARD_STATE_DIR": str(state)}
    with hosted(first, **setting) as one, hosted(second, **setting) as other:
        cookie = cookie_of(one, "ada")
        assert [upload(app, cookie) for app in (one, other)] == [204, 204]
        httpx.get(f"{one.url}/auth/logout", cookies=cookie)
        assert [upload(app, cookie) for app in (one, other)] == [403, 403]
        httpx.get(f"{one.url}/auth/logout")
        assert len([*state.iterdir()]) == 1, "whoever is not signed in leaves nothing there"
    with hosted(later, **setting) as restarted:
        assert upload(restarted, cookie) == 403
        assert upload(restarted, cookie_of(restarted, "fritz")) == 204
        state.rename(tmp_path / "gone")
        assert upload(restarted, cookie_of(restarted, "fritz")) == 403
        httpx.get(f"{restarted.url}/auth/logout", cookies=cookie_of(restarted, "fritz"))
        assert "A sign-out could not be written" in restarted.log.read_text(encoding="utf-8")
