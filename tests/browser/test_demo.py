"""`make demo` leaves a browser on a finished try-on, in an account with people and outfits."""

import asyncio

from playwright.async_api import expect

from sandbox import demo
from sandbox.stack import Stack
from tests.browser.conftest import Visit


async def test_a_browser_that_comes_in_sees_a_finished_try_on_and_what_else_there_is_to_wear(
    stack: Stack, visit: Visit
) -> None:
    guest = await visit(signed_in=False)
    url = stack.url.replace("127.0.0.1", "localhost")
    target, cookies = await asyncio.to_thread(demo.fill, url)
    entrance = demo.Entrance(target, cookies)
    try:
        await guest.page.goto(entrance.url)
        await expect(guest.slider).to_be_visible()
        await guest.sees_credits(4)
        refused = await guest.page.goto(entrance.url)
        assert refused is not None
        assert refused.status == 404, "the entrance is for one browser"
    finally:
        entrance.close()
    await guest.page.goto(url)
    await expect(guest.shelf("You").get_by_role("radio")).to_have_count(2)
    await expect(guest.shelf("Wardrobe").get_by_role("radio")).to_have_count(6)
    again, _ = await asyncio.to_thread(demo.fill, url)
    assert again == target, "what is there is not made a second time"
