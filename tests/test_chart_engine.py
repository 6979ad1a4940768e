"""The process that draws charts: it may end, it knows no secret, and nobody gets another one's chart."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lib.exports.chart_engine import ChartEngine

CANARY = "sk-admin-canary-of-the-chart-engine"


@pytest.fixture
def engine() -> Iterator[ChartEngine]:
    one = ChartEngine()
    yield one
    one.stop()


def spec(width: int = 40) -> str:
    return f'{{"data": {{"values": [{{"x": 1}}]}}, "mark": "bar", "width": {width}}}'


def width_of(png: bytes) -> int:
    assert png.startswith(b"\x89PNG")
    return int.from_bytes(png[16:20], "big")


def test_a_chart_that_cannot_be_drawn_says_so_and_the_next_one_is_drawn(
    engine: ChartEngine,
) -> None:
    with pytest.raises(ValueError, match=r"."):
        engine.draw('{"mark": 7}')
    assert width_of(engine.draw(spec())) > 0


def test_what_makes_the_engine_end_costs_that_chart_only(engine: ChartEngine) -> None:
    deadly = (
        '{"data": {"values": [{"x": "\\u0001"}]}, "mark": "text",'
        ' "encoding": {"text": {"field": "x"}}}'
    )
    with pytest.raises(ValueError, match="ended its engine"):
        engine.draw(deadly)
    assert width_of(engine.draw(spec())) > 0


def test_an_engine_that_was_killed_is_started_again(engine: ChartEngine) -> None:
    engine.start()
    process = engine._process
    assert process is not None
    process.kill()
    process.wait()
    assert width_of(engine.draw(spec())) > 0


def test_each_thread_gets_its_own_chart(engine: ChartEngine) -> None:
    widths = [30 + 10 * number for number in range(12)]
    alone = [width_of(engine.draw(spec(width))) for width in widths]
    with ThreadPoolExecutor(4) as pool:
        together = [width_of(png) for png in pool.map(engine.draw, map(spec, widths))]
    assert together == alone
    assert len({*alone}) == len(widths)


def test_the_engine_is_given_no_secret(
    engine: ChartEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", CANARY)
    engine.draw(spec())
    assert engine._process is not None
    environment = Path(f"/proc/{engine._process.pid}/environ")
    if environment.exists():  # Linux
        assert CANARY.encode() not in environment.read_bytes()


def test_a_stopped_engine_leaves_no_process(engine: ChartEngine) -> None:
    engine.draw(spec())
    process = engine._process
    engine.stop()
    assert process is not None
    assert process.returncode is not None
