"""OpenAI's own SDK, with strict models and over real HTTP, accepts what the stand-in says of alerts and limits."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from starlette.applications import Starlette

from lib.demo.openai_server import create_openai_app
from tests.support.servers import serve

KEY = "sk-admin-demo"


@pytest.fixture(scope="module")
def app() -> Starlette:
    return create_openai_app()


@pytest.fixture(scope="module")
def base_url(app: Starlette) -> Iterator[str]:
    with serve(app) as url:
        yield f"{url}/v1"


@pytest.fixture(scope="module")
def organization(base_url: str) -> Iterator[Any]:
    with OpenAI(
        admin_api_key=KEY, base_url=base_url, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client.admin.organization


def test_the_sdk_pages_through_the_alerts_of_the_organisation(organization: Any) -> None:
    alerts = list(organization.spend_alerts.list(limit=1))
    assert [alert.threshold_amount for alert in alerts] == [500_000, 800_000]
    assert {(alert.object, alert.currency, alert.interval) for alert in alerts} == {
        ("organization.spend_alert", "USD", "month")
    }
    assert all(alert.notification_channel.recipients for alert in alerts)
    assert all(not alert.model_extra for alert in alerts)
    assert list(organization.spend_alerts.list(order="desc")) == alerts[::-1]
    assert organization.spend_alerts.retrieve(alerts[1].id) == alerts[1]


def test_the_sdk_reads_the_hard_limit_of_the_organisation(organization: Any) -> None:
    limit = organization.spend_limit.retrieve()
    assert (limit.object, limit.threshold_amount) == ("organization.spend_limit", 1_200_000)
    assert (limit.enforcement.status, limit.model_extra) == ("inactive", {})


def test_the_sdk_reads_what_is_set_for_projects_and_404_where_nothing_is(
    organization: Any, app: Starlette
) -> None:
    alerts, limits = {}, {}
    for project in app.state.org.projects:
        listed = list(organization.projects.spend_alerts.list(project.id))
        if listed:
            alerts[project.name] = [alert.threshold_amount for alert in listed]
            assert {alert.object for alert in listed} == {"project.spend_alert"}
        try:
            limit = organization.projects.spend_limit.retrieve(project.id)
        except openai.NotFoundError:
            continue
        limits[project.name] = (limit.object, limit.threshold_amount, limit.enforcement.status)
    assert alerts == {"Research Agents": [100_000], "Data Science Sandbox": [40_000]}
    assert limits == {"Data Science Sandbox": ("project.spend_limit", 75_000, "enforcing")}


def test_nothing_can_be_written_there(base_url: str) -> None:
    for path in ("spend_alerts", "spend_limit"):
        url = f"{base_url}/organization/{path}"
        done = httpx.post(url, json={}, headers={"Authorization": f"Bearer {KEY}"})
        assert done.status_code == 404
