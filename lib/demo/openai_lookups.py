"""Look-ups: who the users, projects, keys and service accounts are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lib.demo.openai_errors import OpenAIRefusal, bad_value, not_a_choice
from lib.demo.openai_limits import alert_items
from lib.demo.openai_query import Pairs
from lib.demo.organisation import AdminKey, ApiKey, Organisation, Project, ServiceAccount, User

DEFAULT_LIMIT = 20
HIGHEST_LIMIT = 100

Item = dict[str, object]
Values = dict[str, list[str]]

CHOICES = {
    "include_archived": ("true", "false"),
    "owner_project_access": ("active", "inactive", "any"),
    "order": ("asc", "desc"),
}


@dataclass(frozen=True)
class Lookup:
    """One list of named things.

    Args:
        name: what fault switches call it.
        path: below /v1; single items are at ``{path}/{item_id}``.
        parameters: what it takes besides limit and after.
        items: all of its items, whatever the parameters, given now in Unix seconds.
        keep: whether a list with these parameters shows an item.
    """

    name: str
    path: str
    parameters: tuple[str, ...]
    items: Callable[[Organisation, Project | None, int], list[Item]]
    keep: Callable[[Item, Values], bool] = lambda _item, _values: True


def user_item(user: User) -> Item:
    """A user as /organization/users shows it."""
    return {
        "object": "organization.user",
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "added_at": user.added_at,
        "created": user.added_at,
        "is_default": False,
        "is_service_account": False,
        "is_scim_managed": False,
    }


def project_item(project: Project) -> Item:
    """A project as /organization/projects shows it."""
    return {
        "object": "organization.project",
        "id": project.id,
        "name": project.name,
        "created_at": project.created_at,
        "archived_at": project.archived_at,
        "status": "active" if project.archived_at is None else "archived",
    }


def key_item(key: ApiKey, now: int) -> Item:
    """A project's key; the name of an owner without one is the id, as the field may not be null."""
    idle = key.hours_since_use
    owner: Item = {"id": key.owner.id, "name": key.owner.name or key.owner.id}
    if isinstance(key.owner, User):
        email = key.owner.email or f"{key.owner.id}@example.com"
        owner |= {"email": email, "role": key.owner.role, "created_at": key.owner.added_at}
        kind = "user"
    else:
        owner |= {"role": key.owner.role, "created_at": key.owner.created_at}
        kind = "service_account"
    return {
        "object": "organization.project.api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": key.redacted_value,
        "created_at": key.created_at,
        "last_used_at": None if idle is None else now - now % 3_600 - idle * 3_600,
        "expires_at": key.expires_at,
        "owner_project_access": "active" if key.active else "inactive",
        "owner": {"type": kind, kind: owner},
    }


def account_item(account: ServiceAccount) -> Item:
    """A service account as its project shows it."""
    return {
        "object": "organization.project.service_account",
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "created_at": account.created_at,
    }


def member_item(user: User, position: int) -> Item:
    """A user as one of its projects shows it."""
    return {
        "object": "organization.project.user",
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": "owner" if position == 0 else "member",
        "added_at": user.added_at,
    }


def admin_key_item(key: AdminKey) -> Item:
    """An admin key with its owner."""
    owner = {
        "type": "user",
        "object": "organization.user",
        "id": key.owner.id,
        "name": key.owner.name,
        "created_at": key.owner.added_at,
        "role": key.owner.role,
    }
    return {
        "object": "organization.admin_api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": key.redacted_value,
        "created_at": key.created_at,
        "last_used_at": None,
        "expires_at": key.expires_at,
        "owner": owner,
    }


def has_access(item: Item, values: Values) -> bool:
    """Whether a key is shown: without the parameter, only those whose owner still has access."""
    wanted = values.get("owner_project_access", ["active"])[-1]
    return wanted in ("any", item["owner_project_access"])


def is_asked_for(item: Item, values: Values) -> bool:
    """Whether a user's e-mail address is among those asked for."""
    return "emails" not in values or item["email"] in values["emails"]


def is_current(item: Item, values: Values) -> bool:
    """Whether a project is active, or archived ones were asked for."""
    return item["status"] == "active" or values.get("include_archived", [""])[-1] == "true"


def of(project: Project | None) -> Project:
    """The project of a path that has one."""
    assert project is not None
    return project


LOOKUPS = (
    Lookup(
        "users",
        "/organization/users",
        ("emails",),
        lambda org, _project, _now: [user_item(user) for user in org.users if not user.deleted],
        is_asked_for,
    ),
    Lookup(
        "projects",
        "/organization/projects",
        ("include_archived",),
        lambda org, _project, _now: [project_item(project) for project in org.projects],
        is_current,
    ),
    Lookup(
        "api_keys",
        "/organization/projects/{project_id}/api_keys",
        ("owner_project_access",),
        lambda _org, project, now: [
            key_item(key, now) for key in of(project).keys if not key.deleted
        ],
        has_access,
    ),
    Lookup(
        "service_accounts",
        "/organization/projects/{project_id}/service_accounts",
        (),
        lambda _org, project, _now: [account_item(account) for account in of(project).accounts],
    ),
    Lookup(
        "project_users",
        "/organization/projects/{project_id}/users",
        (),
        lambda _org, project, _now: [
            member_item(user, position) for position, user in enumerate(of(project).members)
        ],
    ),
    Lookup(
        "admin_api_keys",
        "/organization/admin_api_keys",
        ("order",),
        lambda org, _project, _now: [admin_key_item(key) for key in org.admin_keys],
    ),
    Lookup(
        "spend_alerts",
        "/organization/spend_alerts",
        ("order",),
        lambda _org, _project, _now: alert_items(None),
    ),
    Lookup(
        "project_spend_alerts",
        "/organization/projects/{project_id}/spend_alerts",
        ("order",),
        lambda _org, project, _now: alert_items(of(project)),
    ),
)


def find_project(org: Organisation, project_id: str | None) -> Project | None:
    """The project of a path; None where the path has none.

    Raises:
        OpenAIRefusal: 404 for an id that no project has.
    """
    if project_id is None:
        return None
    for project in org.projects:
        if project.id == project_id:
            return project
    raise OpenAIRefusal(404, f"No such project: '{project_id}'.")


def single_item(items: Sequence[Item], item_id: str) -> Item:
    """The item of an id.

    Raises:
        OpenAIRefusal: 404 for an id that none has, such as a deleted one's.
    """
    for item in items:
        if item["id"] == item_id:
            return item
    raise OpenAIRefusal(404, f"No such object: '{item_id}'.")


def list_page(lookup: Lookup, items: Sequence[Item], pairs: Pairs) -> Item:
    """One page of a list in its envelope.

    Raises:
        OpenAIRefusal: 400 for a parameter or value that is not offered, or an unknown ``after``.
    """
    values = gather(lookup, pairs)
    shown = [item for item in items if lookup.keep(item, values)]
    if values.get("order", ["asc"])[-1] == "desc":
        shown.reverse()
    limit = read_limit(values)
    first = 0
    if "after" in values:
        after = values["after"][-1]
        ids = [item["id"] for item in shown]
        if after not in ids:
            raise bad_value("after", f"Invalid 'after': no object with id '{after}'.")
        first = ids.index(after) + 1
    page = shown[first : first + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": first + limit < len(shown),
    }


def gather(lookup: Lookup, pairs: Pairs) -> Values:
    """Values by parameter, in any of the three spellings of a list."""
    values: Values = {}
    for spelled, value in pairs:
        name = spelled.removesuffix("[]")
        if name not in ("limit", "after", *lookup.parameters):
            message = f"Unknown parameter: '{name}'."
            raise OpenAIRefusal(400, message, param=name, code="unknown_parameter")
        parts = value.split(",") if name == "emails" else [value]
        for part in parts:
            if name in CHOICES and part not in CHOICES[name]:
                raise not_a_choice(name, part, CHOICES[name])
            values.setdefault(name, []).append(part)
    return values


def read_limit(values: Values) -> int:
    """The limit, 1 to 100."""
    text = values.get("limit", [str(DEFAULT_LIMIT)])[-1]
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= HIGHEST_LIMIT:
        raise bad_value(
            "limit",
            f"Invalid limit provided: {text}. Limit must be between 1 and {HIGHEST_LIMIT}.",
        )
    return int(text)
