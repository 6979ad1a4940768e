"""Colours of the theme: text can be read on all that it stands on, in light and in dark."""

import tomllib

import pytest

from lib.ui.look import CHART_LABELS, ON_PRIMARY
from tests.support.servers import ROOT

THEME = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["theme"]
CAPTION = 0.6
"""How much of the text's colour captions, labels and icons of the menu have."""

LEAST = 4.5

Colour = tuple[float, ...]


def colour(code: str) -> Colour:
    return tuple(int(code[place : place + 2], 16) / 255 for place in (1, 3, 5))


def contrast(one: Colour, other: Colour) -> float:
    """As WCAG 2 defines it."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(shade: Colour) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in shade]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def thinned(text: Colour, ground: Colour) -> Colour:
    pairs = zip(text, ground, strict=True)
    return tuple(CAPTION * over + (1 - CAPTION) * under for over, under in pairs)


def grounds(mode: str) -> list[Colour]:
    places = (THEME[mode], THEME[mode]["sidebar"])
    names = ("backgroundColor", "secondaryBackgroundColor")
    return [colour(place[name]) for place in places for name in names]


def test_black_on_white_has_the_contrast_that_the_standard_names() -> None:
    assert contrast(colour("#000000"), colour("#FFFFFF")) == pytest.approx(21)
    assert contrast(colour("#777777"), colour("#FFFFFF")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_captions_and_chosen_words_can_be_read_on_every_ground(mode: str) -> None:
    text, primary = (colour(THEME[mode][name]) for name in ("textColor", "primaryColor"))
    for ground in grounds(mode):
        for shade in (text, thinned(text, ground), primary):
            assert contrast(shade, ground) >= LEAST


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_words_of_a_button_can_be_read_on_its_colour(mode: str) -> None:
    assert contrast(colour(ON_PRIMARY[mode]), colour(THEME[mode]["primaryColor"])) >= LEAST


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_labels_of_charts_can_be_read(mode: str) -> None:
    ground = colour(THEME[mode]["backgroundColor"])
    assert contrast(colour(CHART_LABELS[mode]), ground) >= LEAST
