"""The paper: fonts, colours, text that cannot escape its place, and what stands on every page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal

from fpdf import FPDF
from fpdf.fonts import TTFFont

from lib.exports.formats import mark, moment, utc, visible
from lib.reports.report import Report

FONTS = Path(__file__).parents[1] / "fonts"
FAMILY = "DejaVu"
OTHER_FAMILIES = ("NotoSansDevanagari-Regular", "WenQuanYiMicroHei", "Symbola")
"""For what the first one lacks: Devanagari; Chinese, Japanese and Korean; emoji. Bold is drawn regular."""

LEADING = 1.35
"""Distance of two lines, in font sizes."""
POINT = 25.4 / 72
"""Millimetres."""
RIGHT_TO_LEFT = range(0x0590, 0x0900)
"""Hebrew, Arabic and their neighbours: the letters that are reordered and joined when drawn."""

_STYLES = range(0xFE00, 0xFE10)
"""Choose between two looks of the character before; they have none of their own."""

Align = Literal["left", "right"]


class _Glyphs(dict[int, int | str]):
    """A table for ``str.translate``: a character without a glyph becomes its number, ``[6771]``.

    A common mark would make one name of two.
    """

    def __init__(self, drawable: Callable[[int], bool]) -> None:
        super().__init__(dict.fromkeys(_STYLES, ""))
        self._drawable = drawable

    def __missing__(self, code: int) -> int | str:
        self[code] = code if self._drawable(code) else f"[{code:04X}]"
        return self[code]


class Paper(FPDF):
    """An A4 landscape document whose every page carries its report's name, number and marks.

    Text is placed by its upper left corner, in millimetres; ``y`` is where the next thing goes. To
    read the fonts takes as long as to draw a report, so that a document may wait for its report.
    """

    INK = "#1C2733"
    FAINT = "#5B6875"
    GROUND = "#FFFFFF"
    WARNING = "#A33A1C"
    HAIRLINE = "#DDE2E7"
    RULE = "#8793A0"
    CARD = "#F7F9FA"

    report: Report

    def __init__(self) -> None:
        super().__init__("landscape", "mm", "A4")
        self.set_margins(14, 14, 14)
        self.set_auto_page_break(False, 15)
        self.add_font(FAMILY, "", FONTS / "DejaVuSans.ttf")
        self.add_font(FAMILY, "B", FONTS / "DejaVuSans-Bold.ttf")
        self.set_font(FAMILY, size=8)
        self._usual = [font for font in self.fonts.values() if isinstance(font, TTFFont)]
        self._shaped_widths: dict[tuple[str, bool], float] = {}

    def begin(self, report: Report) -> None:
        """The first page of a report; a document holds one."""
        self.report = report
        self.set_title(self.drawn(report.title))
        self.set_creation_date(utc(report.generated_at))
        self.add_page()

    def close_fonts(self) -> None:
        """Lets go of the font files, which fpdf keeps open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    def header(self) -> None:
        """From the second page on: what report this page belongs to."""
        if self.page_no() > 1:
            of = self.report.period or (self.report.state_at and moment(self.report.state_at))
            name = ", ".join(str(part) for part in (self.report.title, of) if part)
            self.put(self.l_margin, 8, name, size=7, colour=self.FAINT, width=self.epw)
        self.y = self.t_margin

    def footer(self) -> None:
        """Page x of y, when it was made, and the watermark, drawn last so that charts do not cover it."""
        below = self.h - 9
        made = f"Generated {moment(self.report.generated_at)}"
        self.put(self.l_margin, below, made, size=7, colour=self.FAINT)
        # cell() puts the number of pages in when the document is finished; text() cannot
        self.set_xy(self.w - self.r_margin - 24, below)
        self.cell(22, 7 * POINT * LEADING, f"Page {self.page_no()} of {{nb}}")
        words = mark(self.report)
        if words:
            self._draw_watermark(words)

    def _draw_watermark(self, words: str) -> None:
        size = min(84.0, 84.0 * 250 / self.measure(words, size=84, bold=True))
        width, height = self.measure(words, size=size, bold=True), size * POINT
        left, top = (self.w - width) / 2, (self.h - height) / 2
        with (
            self.rotation(28, self.w / 2, self.h / 2),
            self.local_context(fill_opacity=0.09),
        ):
            self.put(left, top, words, size=size, bold=True, colour=self.WARNING)

    @cached_property
    def _glyphs(self) -> _Glyphs:
        return _Glyphs(
            lambda code: (
                all(code in font.cmap for font in self._usual)
                or any(code in font.cmap for font in self._others)
            )
        )

    @cached_property
    def _others(self) -> list[TTFFont]:
        """Fonts for what the usual one lacks; half a second to read, so only for whoever needs them."""
        for name in OTHER_FAMILIES:
            self.add_font(name, "", FONTS / f"{name}.ttf")
        self.set_fallback_fonts([*OTHER_FAMILIES], exact_match=False)
        return [font for font in self.fonts.values() if font not in self._usual]  # type: ignore[misc]

    def drawn(self, text: str) -> str:
        """Text as the fonts can draw it, on one line."""
        return visible(text).translate(self._glyphs)

    def measure(self, text: str, *, size: float, bold: bool = False) -> float:
        """The width of a text in millimetres."""
        shown = self.drawn(text)
        if self._needs_shaping(shown):
            return self._shaped_width(shown, bold) * size
        widths = self._usual[bold].cw  # in thousandths of the font size
        return sum(widths[ord(character)] for character in shown) * size * POINT / 1000

    def _needs_shaping(self, drawn: str) -> bool:
        """Whether letters must be joined, reordered, or taken from several fonts."""
        usual = self._usual[0].cmap
        return not drawn.isascii() and any(
            code in RIGHT_TO_LEFT or code not in usual for code in map(ord, drawn)
        )

    def _shaped_width(self, drawn: str, bold: bool) -> float:
        """Millimetres for a font size of one point."""
        known = self._shaped_widths.get((drawn, bold))
        if known is None:
            with self._shaping("B" if bold else "", 100.0):
                known = self.get_string_width(drawn) / 100
            self._shaped_widths[drawn, bold] = known
        return known

    @contextmanager
    def _shaping(self, style: Literal["", "B"], size: float) -> Iterator[None]:
        """fpdf joins, reorders and changes fonts; only where it must, since that takes its time."""
        margin, alias = self.c_margin, self.str_alias_nb_pages
        self.set_font(FAMILY, style, size)
        self.set_text_shaping(True, direction="ltr")
        # A name may hold what stands for the number of pages
        self.c_margin, self.str_alias_nb_pages = 0, ""
        try:
            yield
        finally:
            self.set_text_shaping(False)
            self.current_font_is_set_on_page = False  # another may have been the last
            self.c_margin, self.str_alias_nb_pages = margin, alias

    def put(
        self,
        left: float,
        top: float,
        text: str,
        *,
        size: float,
        bold: bool = False,
        colour: str = INK,
        width: float | None = None,
        align: Align = "left",
    ) -> None:
        """One line of text; cut with ``…`` when it is wider than ``width``."""
        shown = self.drawn(text)
        if width is not None:
            shown = self.cut(shown, width, size=size, bold=bold)
            if align == "right":
                left += width - self.measure(shown, size=size, bold=bold)
        style: Literal["", "B"] = "B" if bold else ""
        self.set_text_color(colour)
        if self._needs_shaping(shown):
            below = self.y
            with self._shaping(style, size):
                # A cell as high as the font has its baseline at four fifths
                self.set_xy(left, top + size * POINT * 0.2)
                self.cell(None, size * POINT, shown)
            self.y = below
            return
        self.set_font(FAMILY, style, size)
        self.text(left, top + size * POINT, shown)

    def cut(self, text: str, width: float, *, size: float, bold: bool = False) -> str:
        """As much of a text as is at most ``width`` millimetres wide, with ``…`` where it was cut."""
        if self.measure(text, size=size, bold=bold) <= width + 0.01:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.measure(text[:middle] + "…", size=size, bold=bold) <= width:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + "…"

    def paragraph(
        self,
        text: str,
        *,
        size: float,
        bold: bool = False,
        colour: str = INK,
        left: float | None = None,
        width: float | None = None,
    ) -> None:
        """Text in as many lines as it needs; moves ``y`` below them."""
        start = self.l_margin if left is None else left
        room = self.w - self.r_margin - start if width is None else width
        for line in self.lines(text, room, size=size, bold=bold):
            self.room_for(size * POINT * LEADING)
            self.put(start, self.y, line, size=size, bold=bold, colour=colour)
            self.y += size * POINT * LEADING

    def lines(self, text: str, width: float, *, size: float, bold: bool = False) -> list[str]:
        """A text broken at spaces, and within words too wide for a line, into lines of that width."""
        done, line = [], ""
        for word in self._words(self.drawn(text), width, size=size, bold=bold):
            longer = f"{line} {word}".strip()
            if self.measure(longer, size=size, bold=bold) <= width:
                line = longer
            else:
                done.append(line)
                line = word
        return [*done, line] if line else done

    def _words(self, text: str, width: float, *, size: float, bold: bool) -> Iterator[str]:
        for word in text.split():
            rest = word
            while self.measure(rest, size=size, bold=bold) > width and len(rest) > 1:
                piece = max(len(self.cut(rest, width, size=size, bold=bold)) - 1, 1)
                yield rest[:piece]
                rest = rest[piece:]
            yield rest

    @property
    def left_over(self) -> float:
        """Millimetres between ``y`` and the bottom margin."""
        return float(self.h - self.b_margin - self.y)

    def room_for(self, height: float) -> bool:
        """Begins a new page when less than ``height`` millimetres are left; says whether it did."""
        if self.left_over >= height or self.y <= self.t_margin:
            return False
        self.add_page()
        return True

    def hairline(self, left: float, right: float, *, strong: bool = False) -> None:
        """A horizontal line at ``y``."""
        self.set_draw_color(self.RULE if strong else self.HAIRLINE)
        self.set_line_width(0.25 if strong else 0.1)
        self.line(left, self.y, right, self.y)
