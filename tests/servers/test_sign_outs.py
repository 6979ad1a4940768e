"""Signing out: replicas that share a folder all know of it, also after a restart; none is let in on a guess."""

import os
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from lib.access.sign_outs import KEPT_SECONDS, RETRY_SECONDS, SignOuts, person_name
from lib.access.visitors import Refusal, Visitor, decide, identity_of
from lib.errors import SettingsError
from tests.pure.test_access import NOW, SETTINGS, claims
from tests.support.hosted import COOKIE_SECRET

WHO = identity_of(claims())
SOMEBODY_ELSE = identity_of(claims(nonce="another"))


def test_every_replica_of_a_folder_knows_who_has_signed_out_and_so_does_one_that_starts_later(
    tmp_path: Path,
) -> None:
    one, other = SignOuts(str(tmp_path)), SignOuts(str(tmp_path))
    assert WHO not in other
    one.add(WHO)
    for replica in (one, other, SignOuts(str(tmp_path))):
        assert WHO in replica
        assert SOMEBODY_ELSE not in replica
        decided = decide(claims(), SETTINGS, now=NOW, signed_out=replica)
        assert isinstance(decided, Refusal)
        assert decided.kind == "expired"
        assert isinstance(
            decide(claims(nonce="n2"), SETTINGS, now=NOW, signed_out=replica), Visitor
        )


def test_without_a_folder_only_the_process_that_was_told_knows() -> None:
    one = SignOuts("")
    one.add(WHO)
    assert WHO in one
    assert WHO not in SignOuts("")


def test_the_folder_holds_an_empty_file_that_tells_nothing_of_the_person(tmp_path: Path) -> None:
    secret = {"email": "canary@company.com", "sub": "canary-17", "nonce": "canary-nonce"}
    SignOuts(str(tmp_path)).add(identity_of(claims(**secret)))
    (file,) = tmp_path.iterdir()
    assert len(file.name) == 64
    assert int(file.name, 16) > 0
    assert "canary" not in file.name
    assert file.stat().st_size == 0
    assert file.stat().st_mode & 0o077 == 0


def test_files_go_once_no_sign_in_can_be_that_old_and_others_files_stay(tmp_path: Path) -> None:
    ended = SignOuts(str(tmp_path))
    ended.add(WHO)
    (tmp_path / "somebody's notes").touch()
    for age, there in ((168 * 3_600 + 300, True), (KEPT_SECONDS + 60, False)):
        for path in tmp_path.iterdir():
            os.utime(path, (time.time() - age,) * 2)
        ended.add(SOMEBODY_ELSE)
        assert (tmp_path / WHO).exists() is there
    assert {path.name for path in tmp_path.iterdir()} == {SOMEBODY_ELSE, "somebody's notes"}


def test_a_clock_put_forward_and_back_lets_nobody_in_who_has_signed_out(tmp_path: Path) -> None:
    ahead = [0.0]
    sign_outs = SignOuts(str(tmp_path), today=lambda: time.time() + ahead[0])
    sign_outs.add(WHO)
    for jump in (2 * KEPT_SECONDS, -2 * KEPT_SECONDS, 0):
        ahead[0] = jump
        sign_outs.add(SOMEBODY_ELSE)
        now = NOW + timedelta(seconds=jump)
        decided = decide(claims(), SETTINGS, now=now, signed_out=SignOuts(str(tmp_path)))
        assert isinstance(decided, Refusal)
        assert decided.sentence == "You have signed out."


def test_a_clock_put_forward_and_back_ends_a_sign_in_for_that_time_only() -> None:
    judged = [
        decide(claims(), SETTINGS, now=NOW + timedelta(hours=hours)) for hours in (0, 24, -24, 0)
    ]
    assert [isinstance(judgement, Visitor) for judgement in judged] == [True, False, False, True]


@pytest.mark.parametrize("kind", ["missing", "a file", "a link to nowhere"])
def test_a_folder_that_cannot_be_used_lets_nobody_in_and_says_which_setting_to_correct(
    kind: str, tmp_path: Path, logged: list[str]
) -> None:
    place = tmp_path / "state"
    if kind == "a file":
        place.touch()
    elif kind == "a link to nowhere":
        place.symlink_to(tmp_path / "nowhere")
    ended = SignOuts(str(place))
    for ask in (lambda: decide(claims(), SETTINGS, now=NOW, signed_out=ended), ended.check):
        with pytest.raises(SettingsError, match="nobody could tell who has signed out") as caught:
            ask()
        assert caught.value.variable == "DASHBOARD_STATE_DIR"
    ended.add(WHO)
    assert WHO in ended, "this process knows, whatever happens"
    (line,) = logged
    assert line.startswith("ERROR A sign-out could not be written to DASHBOARD_STATE_DIR")
    assert WHO not in line


def test_what_could_not_be_written_is_tried_again_until_all_replicas_know(tmp_path: Path) -> None:
    place, seconds = tmp_path / "state", [0.0]
    sign_outs = SignOuts(str(place), clock=lambda: seconds[0])
    assert sign_outs.add(WHO) is False
    place.mkdir()
    assert WHO in sign_outs
    assert [*place.iterdir()] == [], "not with every question"
    seconds[0] = RETRY_SECONDS
    assert SOMEBODY_ELSE not in sign_outs
    assert [path.name for path in place.iterdir()] == [WHO]
    assert sign_outs.add(SOMEBODY_ELSE) is True


def test_all_sign_ins_of_a_person_end_at_every_replica_and_later_ones_do_not(
    tmp_path: Path,
) -> None:
    SignOuts(str(tmp_path)).end_person("Ann@company.com", COOKIE_SECRET)
    (file,) = tmp_path.iterdir()
    os.utime(file, (NOW.timestamp(),) * 2)
    replica = SignOuts(str(tmp_path))

    def judged(seconds: float, **changed: object) -> str:
        issued = int(NOW.timestamp() + seconds)
        judgement = decide(
            claims(iat=issued, **changed),
            SETTINGS,
            now=NOW,
            person_ended=lambda email: replica.person_ended(email, COOKIE_SECRET),
        )
        return judgement.role if isinstance(judgement, Visitor) else judgement.sentence

    assert judged(-60) == judged(-60, email="ANN@company.com") == judged(0)
    assert judged(-60) == "An administrator has ended your sign-ins."
    assert judged(1) == "viewer"
    assert judged(-60, email="bob@company.com") == "viewer"


def test_the_file_of_a_person_names_them_to_nobody_without_the_cookie_secret(
    tmp_path: Path,
) -> None:
    address = "ann@company.com"
    SignOuts(str(tmp_path)).end_person(address, COOKIE_SECRET)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size == 0
    assert file.stat().st_mode & 0o077 == 0
    guesses = [sha256(text.encode()).hexdigest() for text in (address, f"person:{address}")]
    assert file.name not in guesses
    assert file.name != person_name(address, COOKIE_SECRET[::-1])


def test_nobodys_sign_ins_end_where_no_running_dashboard_would_learn_of_it(tmp_path: Path) -> None:
    for place in ("", str(tmp_path / "missing")):
        with pytest.raises(SettingsError) as caught:
            SignOuts(place).end_person("ann@company.com", COOKIE_SECRET)
        assert caught.value.variable == "DASHBOARD_STATE_DIR"
    assert [*tmp_path.iterdir()] == []


def test_trying_whether_a_folder_can_be_written_leaves_nothing_there(tmp_path: Path) -> None:
    SignOuts(str(tmp_path)).check()
    assert [*tmp_path.iterdir()] == []
