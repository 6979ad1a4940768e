"""A replica that is killed while people work: they go on at the other one, signed in, with whole reports."""

import asyncio
import time

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.hosting.conftest import Start
from tests.hosting.people import Person, person

PEOPLE = 8
PAGES = ("openai_usage", "tenant_usage", "comet_chargeback")
SECONDS_TO_RETURN = 15


async def opened_again(somebody: Person) -> None:
    """As a browser does it: until somebody answers."""
    end = time.monotonic() + SECONDS_TO_RETURN
    while True:
        try:
            await somebody.open(PAGES[0])
            return
        except (httpx.HTTPError, AssertionError, InvalidHandshake, OSError):
            assert time.monotonic() < end
            await asyncio.sleep(0.1)


async def test_people_whose_replica_is_killed_go_on_at_the_other_without_signing_in(
    start: Start,
) -> None:
    stack = start(replicas=2)
    at_work, killed = asyncio.Barrier(PEOPLE + 1), asyncio.Event()

    async def work(number: int) -> int:
        """One person looks at pages; how often the connection was lost."""
        lost = rounds_after = 0
        async with person(stack) as somebody:
            await somebody.sign_in("ada")
            await somebody.open(PAGES[0])
            await somebody.visit(PAGES[0])
            await at_work.wait()
            turn = number
            while rounds_after < len(PAGES):
                turn += 1
                was_killed = killed.is_set()
                try:
                    run = await somebody.visit(PAGES[turn % len(PAGES)])
                except ConnectionClosed:
                    lost += 1
                    await opened_again(somebody)
                    continue
                assert (run.loaded, run.faults) == (True, [])
                rounds_after += was_killed
        return lost

    async with asyncio.TaskGroup() as group:
        people = [group.create_task(work(number)) for number in range(PEOPLE)]
        await at_work.wait()
        process = stack.replicas[0].process
        assert process is not None
        process.kill()
        killed.set()
    losses = [one.result() for one in people]
    assert sum(losses) > 0, "else nothing would be proven"
    assert max(losses) == 1, "nobody is thrown out twice"
    process.wait()
