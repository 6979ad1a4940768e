"""Altair charts to PNG pictures for paper."""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

import altair as alt

from lib.exports.chart_engine import engine

PALETTE = (
    *("#1F5FA8", "#2A9D8F", "#D9822B", "#7A5195", "#B8414B", "#6B7A8F", "#8AA34F", "#3BA3D0"),
    "#BAC4D0",  # the ninth is "Other"
)
INK = "#1C2733"
FAINT = "#5B6875"

CONFIG: dict[str, object] = {
    "background": "white",
    # The first comes with vl-convert and is measured and drawn three times as fast as the second,
    # which has the letters that the first lacks
    "font": "Liberation Sans, DejaVu Sans",
    "range": {"category": list(PALETTE)},
    "mark": {"color": PALETTE[0]},
    "view": {"stroke": None},
    "axis": {
        "labelColor": FAINT,
        "titleColor": FAINT,
        "titleFontWeight": "normal",
        "gridColor": "#E4E8EC",
        "domainColor": "#B9C2CB",
        "tickColor": "#B9C2CB",
    },
    "legend": {"labelColor": INK, "titleColor": FAINT, "titleFontWeight": "normal"},
}
"""The light theme of charts on paper. What a chart sets itself wins."""

WIDTH, HEIGHT = 500, 175
"""Pixels of a chart that leaves its width to its place: with a legend of five lines, two rows fit a page."""

KEPT = 48
"""Pictures kept, about 40 kB each."""


def chart_png(chart: alt.TopLevelMixin) -> bytes:
    """A chart as PNG at twice its size, from the cache when the same one was drawn before.

    Raises:
        ValueError: the chart cannot be drawn.
    """
    # The rows are already in memory; Altair's limit of 5,000 protects notebooks
    with alt.data_transformers.enable("default", max_rows=None):
        spec = themed(chart.to_dict(validate=False))
    return _pictures.get(drawable(json.dumps(spec, sort_keys=True, default=str)))


_ESCAPE = re.compile(
    r"\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|u(?P<code>[0-9a-f]{4})|(?P<letter>.))"
)


def drawable(spec: str) -> str:
    """A spec in ASCII JSON with ``?`` for each character that XML cannot hold.

    One of them in a name, and vl-convert would not raise: it ends the whole process.
    """
    return _ESCAPE.sub(_kept, spec)


def _kept(escape: re.Match[str]) -> str:
    if escape["letter"]:
        return "?" if escape["letter"] in "bf" else escape[0]
    code = int(escape["code"] or "20", 16)
    kept = code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code < 0xFFFE
    return escape[0] if kept else "?"


def themed(spec: Mapping[str, object]) -> dict[str, object]:
    """A Vega-Lite spec with the paper theme laid under its own settings."""
    own = spec.get("config")
    merged = {**spec, "config": _under(CONFIG, own if isinstance(own, dict) else {})}
    if "mark" in spec or "layer" in spec:
        merged.update(_paper_size(spec.get("width"), spec.get("height")))
    return merged


def _paper_size(width: object, height: object) -> dict[str, object]:
    """A chart that fixes its width keeps its proportions; steps per bar stay as they are."""
    if isinstance(width, int | float | dict):
        return {"width": width} if height is None else {"width": width, "height": height}
    if isinstance(height, dict):
        return {"width": WIDTH, "height": height}
    return {"width": WIDTH, "height": min(height, HEIGHT) if isinstance(height, int) else HEIGHT}


def _under(base: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in own.items():
        below = base.get(key)
        nested = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _under(below, value) if nested else value  # type: ignore[arg-type]  # both are dicts
    return merged


class _Pictures:
    """The last ``KEPT`` pictures by the hash of their spec; safe to share between threads."""

    def __init__(self, draw: Callable[[str], bytes], size: int) -> None:
        self._draw = draw
        self._size = size
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, spec: str) -> bytes:
        key = hashlib.sha256(spec.encode("utf-8", "replace")).hexdigest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        picture = self._draw(spec)
        with self._lock:
            self._kept[key] = picture
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return picture


_pictures = _Pictures(engine.draw, KEPT)
