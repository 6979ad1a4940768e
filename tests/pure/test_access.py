"""Who may do what: every claim that is missing, odd or too old refuses; roles have their rights."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.access.sign_in import check_sign_in
from lib.access.visitors import (
    LOCAL,
    PAGES,
    ROLES,
    Refusal,
    Right,
    Role,
    Visitor,
    decide,
    identity_of,
    refuse_page,
)
from lib.errors import SettingsError
from lib.redaction import MASK, redact
from lib.settings import Settings, load_settings

NOWHERE = Path("no such folder")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = Settings(
    dashboard_allowed_domains=("company.com",),
    dashboard_allowed_groups=("partners",),
    dashboard_viewers=("@company.com", "group:partners"),
    dashboard_finance=("fin@company.com", "group:finance"),
    dashboard_admins=("root@company.com",),
)


def claims(**changed: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "is_logged_in": True,
        "iss": "https://id.company.com",
        "sub": "17",
        "email": "ann@company.com",
        "email_verified": True,
        "iat": int(NOW.timestamp()) - 60,
        "nonce": "n",
    }
    return {key: value for key, value in (usual | changed).items() if value is not ...}


def judged(**changed: object) -> str:
    """The role, or the kind of refusal."""
    found = decide(claims(**changed), SETTINGS, now=NOW)
    return found.role if isinstance(found, Visitor) else found.kind


def test_a_verified_address_of_an_allowed_domain_has_the_role_of_its_domain() -> None:
    found = decide(claims(), SETTINGS, now=NOW)
    assert isinstance(found, Visitor)
    assert (found.role, found.email) == ("viewer", "ann@company.com")


@pytest.mark.parametrize(
    ("email", "groups", "role"),
    [
        ("fin@company.com", [], "finance"),
        ("FIN@Company.COM", [], "finance"),
        ("ann@company.com", ["finance"], "finance"),
        ("ann@company.com", "finance", "finance"),
        ("root@company.com", ["finance"], "admin"),
        ("eve@elsewhere.org", ["partners"], "viewer"),
        ("eve@elsewhere.org", ["partners", "finance"], "finance"),
    ],
)
def test_the_highest_role_of_address_domain_and_groups_counts(
    email: str, groups: object, role: str
) -> None:
    assert judged(email=email, groups=groups) == role


@pytest.mark.parametrize("value", [False, None, "true", "false", 1, 0, ..., [True]])
def test_an_address_that_is_not_verified_opens_nothing(value: object) -> None:
    assert judged(email_verified=value) == "unverified"


@pytest.mark.parametrize(
    "email",
    [
        ...,
        None,
        "",
        7,
        "company.com",
        "@company.com",
        "a@",
        "a@b@company.com",
        "a b@company.com",
        "ann@company.com\n",
        ["ann@company.com"],
        "ann\u202e@company.com",
    ],
)
def test_what_is_no_whole_address_opens_nothing(email: object) -> None:
    assert judged(email=email) == "unverified"


@pytest.mark.parametrize(
    "email",
    [
        "ann@company.com.evil.org",
        "ann@evilcompany.com",
        "ann@sub.company.com",
        "company.com@evil.org",
    ],
)
def test_a_domain_that_only_resembles_an_allowed_one_is_outside(email: str) -> None:
    assert judged(email=email) == "outside"


@pytest.mark.parametrize(
    "groups", [{"partners": True}, 7, None, [["partners"]], "partner", "Partners"]
)
def test_a_groups_claim_in_another_shape_names_no_group(groups: object) -> None:
    assert judged(email="eve@elsewhere.org", groups=groups) == "outside"


@pytest.mark.parametrize("value", [..., False, None, "true", 1])
def test_who_is_not_signed_in_is_anonymous_whatever_else_is_claimed(value: object) -> None:
    assert judged(is_logged_in=value) == "anonymous"


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        (timedelta(hours=12), "expired"),
        (timedelta(hours=12, seconds=-1), "viewer"),
        (timedelta(minutes=-5), "viewer"),
        (timedelta(minutes=-5, seconds=-1), "expired"),
        (timedelta(days=9_000), "expired"),
    ],
)
def test_a_sign_in_lasts_twelve_hours_and_does_not_come_from_the_future(
    age: timedelta, outcome: str
) -> None:
    assert judged(iat=(NOW - age).timestamp()) == outcome


@pytest.mark.parametrize(
    "iat", [..., None, "", "1763726340", True, float("nan"), float("inf"), 1e300]
)
def test_a_sign_in_without_a_time_is_over(iat: object) -> None:
    assert judged(iat=iat) == "expired"


def test_who_signed_out_is_out_with_every_copy_of_the_cookie() -> None:
    ended = {identity_of(claims())}
    found = decide(claims(), SETTINGS, now=NOW, signed_out=ended)
    assert isinstance(found, Refusal)
    assert found.kind == "expired"
    assert isinstance(decide(claims(nonce="next"), SETTINGS, now=NOW, signed_out=ended), Visitor)


def test_without_allowed_domains_and_groups_nobody_enters() -> None:
    settings = Settings(dashboard_admins=("ann@company.com", "@company.com"))
    assert isinstance(decide(claims(), settings, now=NOW), Refusal)


def test_allowed_people_without_a_role_are_named_and_told_so() -> None:
    settings = Settings(dashboard_allowed_domains=("company.com",))
    found = decide(claims(), settings, now=NOW)
    assert isinstance(found, Refusal)
    assert (found.kind, found.email) == ("no role", "ann@company.com")
    assert "ann@company.com" in found.sentence


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*claims(), "groups"]), ANY))
def test_no_claims_raise_and_made_up_ones_open_nothing(changed: Mapping[str, object]) -> None:
    found = decide({**claims(), "email": "x", **changed}, SETTINGS, now=NOW)
    assert isinstance(found, Refusal)


def test_roles_grow_and_each_has_more_rights_than_the_one_before() -> None:
    assert tuple(ROLES) == get_args(Role)
    assert all(lesser < greater for lesser, greater in combinations(ROLES.values(), 2))
    assert ROLES["admin"] == {*get_args(Right)}


def test_a_viewer_has_the_groups_that_his_provider_names_and_no_right_to_money_of_others() -> None:
    found = decide(claims(groups=["CareTeam", 7, "ops"]), SETTINGS, now=NOW)
    assert isinstance(found, Visitor)
    assert found.groups == {"CareTeam", "ops"}
    assert not found.may("spend")
    assert not found.may("rules")
    assert (found.sees("cost_centres"), found.sees("overview")) == (True, False)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_seen_from_its_role_upwards(page: str) -> None:
    seen = [role for role in ROLES if Visitor(role).sees(page)]
    assert seen == list(ROLES)[list(ROLES).index(PAGES[page]) :]
    for role in ROLES:
        assert (refuse_page(Visitor(role, "a@b.c"), page) is None) == (role in seen)


def test_a_page_that_no_table_lists_is_for_admins() -> None:
    assert [role for role in ROLES if Visitor(role).sees("new_page")] == ["admin"]


def test_whoever_sits_at_the_laptop_may_do_everything() -> None:
    assert all(LOCAL.may(right) for right in get_args(Right))
    assert all(LOCAL.sees(page) for page in PAGES)


AUTH: dict[str, object] = {
    "redirect_uri": "https://usage.company.com/oauth2callback",
    "cookie_secret": "c" * 32,
    "client_id": "dashboard",
    "client_secret": "canary-client-secret-4471",
    "server_metadata_url": "https://id.company.com/.well-known/openid-configuration",
}


def test_a_laptop_without_auth_asks_nobody_to_sign_in() -> None:
    assert check_sign_in({}, Settings()) == ()


@pytest.mark.parametrize(
    "variable",
    ["ALLOWED_DOMAINS=b.c", "ALLOWED_GROUPS=x", "VIEWERS=@b.c", "FINANCE=a@b.c", "ADMINS=a@b.c"],
)
def test_roles_without_auth_open_nothing(variable: str) -> None:
    name, _, value = variable.partition("=")
    settings = load_settings({f"DASHBOARD_{name}": value}, NOWHERE)
    with pytest.raises(SettingsError, match=r"\[auth\] is missing"):
        check_sign_in({}, settings)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, "") for key in AUTH),
        ("cookie_secret", "canary-short"),
        ("redirect_uri", "https://canary.example/elsewhere"),
    ],
)
def test_an_incomplete_or_weak_auth_is_refused_by_name_and_never_repeated(
    key: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=key) as caught:
        check_sign_in({**AUTH, key: value}, Settings())
    assert "canary" not in str(caught.value)


def test_an_auth_section_that_names_no_provider_is_refused() -> None:
    some = {key: AUTH[key] for key in ("redirect_uri", "cookie_secret")}
    with pytest.raises(SettingsError, match="client_id"):
        check_sign_in(some, Settings())
    with pytest.raises(SettingsError, match=r"\[auth.okta\] client_secret"):
        check_sign_in({**some, "okta": {"client_id": "x"}}, Settings())


def test_the_secrets_of_auth_are_masked_from_then_on() -> None:
    assert check_sign_in(AUTH, Settings()) == ("",)
    assert redact("with canary-client-secret-4471.") == f"with {MASK}."
    named = {key: AUTH[key] for key in ("redirect_uri", "cookie_secret")} | {"okta": AUTH}
    assert check_sign_in(named, Settings()) == ("okta",)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DASHBOARD_ALLOWED_DOMAINS", "*"),
        ("DASHBOARD_ALLOWED_DOMAINS", "ann@company.com"),
        ("DASHBOARD_VIEWERS", "*"),
        ("DASHBOARD_ADMINS", "everybody"),
        ("DASHBOARD_FINANCE", "group:"),
        ("DASHBOARD_SESSION_HOURS", "0"),
        ("DASHBOARD_SESSION_HOURS", "169"),
        ("DASHBOARD_SESSION_HOURS", "nan"),
        ("DASHBOARD_STATE_DIR", "state"),
    ],
)
def test_a_setting_that_would_let_anybody_in_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({variable: value}, NOWHERE)
    assert caught.value.variable == variable


def test_lists_are_read_from_shell_and_from_toml() -> None:
    shell = load_settings({"DASHBOARD_VIEWERS": " Ann@Company.com,@b.org , group:Ops "}, NOWHERE)
    assert shell.dashboard_viewers == ("ann@company.com", "@b.org", "group:Ops")
    assert Settings(dashboard_allowed_domains=["@B.org"]).dashboard_allowed_domains == ("b.org",)
