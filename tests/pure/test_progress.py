"""How far a load is, in words."""

import asyncio

from lib.loader.progress import Progress


async def test_progress_says_how_many_of_how_many_and_not_which_one_answered_last() -> None:
    progress = Progress()
    assert progress.told("requests answered") == "Asking …", "nothing is known to come: no 0 of 0"
    await asyncio.gather(*(progress.count(asyncio.sleep(0)) for _ in range(3)))
    progress.total = 1_200
    assert progress.told("requests answered") == "3 of 1,200 requests answered"
