"""Errors and sources say first what people call the thing."""

import pytest

from lib.errors import SourceUnavailable
from lib.status import SourceStatus


@pytest.mark.parametrize(
    ("source", "part", "label"),
    [
        ("openai", "completions", "OpenAI completions"),
        ("openai", "audio_speeches", "OpenAI audio speeches"),
        ("openai", "admin_api_keys", "OpenAI admin API keys"),
        ("openai", "images (compared period)", "OpenAI images (compared period)"),
        ("comet", "service-accounts", "Comet service accounts"),
        ("comet", "chargeback:2024-08", "Comet chargeback 2024-08"),
        ("comet", "my_team/api_v-2", "Comet my_team/api_v-2"),
        ("redis", "", "Redis"),
        ("control-database", "", "Control database"),
        ("saved_openai:report.json", "", "saved_openai:report.json"),
    ],
)
def test_a_source_is_called_by_words_and_names_of_others_stay(
    source: str, part: str, label: str
) -> None:
    status = SourceStatus(source, part, "failed")
    assert status.label == label
    assert (
        str(SourceUnavailable(status.name, "it is down.", "Wait.")) == f"{label}: it is down. Wait."
    )
