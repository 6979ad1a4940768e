"""How many examples of each law are tried: few in the inner loop, many at night.

``HYPOTHESIS_PROFILE`` names the profile: ``quick`` (``make quick``), ``ci`` (``make test``) or
``nightly`` (``make test-deep``).
"""

import os

from hypothesis import HealthCheck, settings

SHARES = {"quick": 0.1, "ci": 0.4, "nightly": 20.0}
"""Of the examples that a law usually takes."""

USUAL = 100
LEAST = 3


def load() -> None:
    """Makes the chosen profile everybody's."""
    for name, share in SHARES.items():
        settings.register_profile(
            name,
            max_examples=_many(USUAL, share),
            # How long an example takes says how busy the machine is, and nothing about the law
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            derandomize=name
            == "quick",  # the inner loop gives one answer for one state of the code
            database=None if name == "quick" else settings().database,
        )
    settings.load_profile(_chosen())


def examples(usual: int) -> settings:
    """Settings of a law that takes more or fewer examples than others: this many in ``ci``."""
    load()
    return settings(max_examples=_many(usual, SHARES[_chosen()]))


def _many(usual: int, share: float) -> int:
    return max(LEAST, round(usual * share))


def _chosen() -> str:
    return os.environ.get("HYPOTHESIS_PROFILE", "ci")
