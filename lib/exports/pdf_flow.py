"""Two columns of blocks that stay whole, filled from the top."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lib.exports.pdf_paper import Paper

BETWEEN, BELOW = 6.0, 4.5
"""Millimetres beside a block, and below it."""


@dataclass(frozen=True)
class Block:
    """Something of a known height.

    Args:
        height: millimetres.
        draw: draws it from ``page.y`` on; gets its left edge.
    """

    height: float
    draw: Callable[[float], None]


def block_width(page: Paper) -> float:
    """Millimetres of a column."""
    return (page.epw - BETWEEN) / 2


def pages_with(page: Paper, blocks: Sequence[Block]) -> int:
    """How many pages there will be when these are drawn, too."""
    return int(page.page_no()) + sum(turns for turns, _, _ in _places(page, blocks))


def draw_blocks(page: Paper, blocks: Sequence[Block]) -> None:
    """Each block goes where the column ends higher, and on a new page where neither has room for it."""
    for block, (turns, column, top) in zip(blocks, list(_places(page, blocks)), strict=True):
        if turns:
            page.add_page()
        page.y = top
        block.draw(page.l_margin + column * (block_width(page) + BETWEEN))


def _places(page: Paper, blocks: Sequence[Block]) -> Iterator[tuple[bool, int, float]]:
    """Of each block: whether it begins a new page, its column, its upper edge."""
    ends = [page.y, page.y]
    for block in blocks:
        end = min(ends)
        turns = end > page.t_margin and end + block.height > page.h - page.b_margin
        if turns:
            ends = [page.t_margin, page.t_margin]
        column = ends.index(min(ends))
        yield turns, column, ends[column]
        ends[column] += block.height + BELOW
