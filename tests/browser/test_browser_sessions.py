"""Two people at once, in a real browser: whoever waits for a slow server holds nobody else up."""

from pathlib import Path

from anyio.from_thread import start_blocking_portal
from playwright.sync_api import expect, sync_playwright

from tests.support.redis_servers import proxy_to, redis_server
from tests.support.servers import CHROMIUM_FLAGS, chromium, dashboard

OCTOBER = "red_period=2026-10-01&red_period=2026-10-31"
MINUTE = 60_000


def test_a_page_is_answered_while_another_session_waits_for_all_counters(tmp_path: Path) -> None:
    with (
        redis_server() as server,
        # The network lives in a thread of its own: this one belongs to the browser.
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(proxy_to(server.port)) as network,
        dashboard(tmp_path, REDIS_PRIMARY_ENDPOINT=network.url) as running,
        sync_playwright() as playwright,
    ):
        with server.admin() as client:
            client.mset({f"usage:t{n}:requests:2026-10": n for n in range(1, 301)})
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        first, second = (browser.new_context().new_page() for _ in range(2))
        link = f"{running.url}/tenant_usage?{OCTOBER}"
        # The dashboard gives Redis 20 seconds: what takes a browser long comes before they begin.
        second.goto(f"{link}&red_tenants=t7&red_tenants=t8")
        expect(second.get_by_text("Sources (")).to_be_visible(timeout=MINUTE)
        # The first session's search for keys is kept back; what others ask from then on passes.
        network.holds = b"SCAN"
        first.goto(link)
        portal.call(network.holding.wait)
        network.holds = b""

        with server.admin() as client:
            client.set("usage:t7:requests:2026-10", 7_000)
        # A question on the page that is there: a new page may take a busy machine those 20 seconds.
        second.get_by_role("button", name="Filters").click()
        second.get_by_role("button", name="Remove t8").click()
        requests = second.get_by_test_id("stMetricValue").filter(has_text="7,000").first
        expect(requests).to_be_visible(timeout=MINUTE)
        assert not network.released.is_set()
        expect(first.get_by_text("Asking …")).to_be_visible()
        expect(first.get_by_text("Sources (")).to_have_count(0)

        portal.call(network.released.set)
        expect(first.get_by_text("Sources (")).to_be_visible(timeout=MINUTE)
        requests = first.get_by_test_id("stMetricValue")
        expect(requests.first).to_have_text(f"{sum(range(1, 301)) + 6_993:,}")
        browser.close()
