"""Reloads, several tabs, sessions that end, and networks that are slow or gone."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
from playwright.async_api import Route, expect

from sandbox.stack import Stack
from tests.browser.conftest import Visit
from tests.browser.person import MAKING, Person
from tests.e2e import pictures

JOBS = "**/api/tryon/jobs"


@asynccontextmanager
async def at_rest(stack: Stack) -> AsyncIterator[None]:
    """Nothing is made as long as the block lasts: jobs wait."""
    worker = psutil.Process(stack.processes["worker"].pid)
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


async def dressed(visit: Visit) -> Person:
    """Somebody with a photo and an outfit chosen."""
    person = await visit()
    await person.add("You", pictures.person())
    await person.add("Wardrobe", pictures.garment())
    return person


async def job_count(person: Person) -> int:
    """How many jobs the person has begun."""
    return len((await person.ask("/api/tryon/jobs"))["jobs"])


async def test_a_reload_in_the_middle_of_a_job_finds_it_again(visit: Visit, stack: Stack) -> None:
    ann = await dressed(visit)
    async with at_rest(stack):
        await ann.try_on.click()
        await expect(ann.page.get_by_role("button", name="Cancel")).to_be_visible()
        await ann.page.reload()
        await expect(ann.page.get_by_role("button", name="Cancel")).to_be_visible()
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    await ann.page.reload()
    await expect(ann.slider).to_be_visible()
    assert await job_count(ann) == 1


async def test_a_canceled_job_gives_its_credit_back(visit: Visit, stack: Stack) -> None:
    ann = await dressed(visit)
    async with at_rest(stack):
        await ann.try_on.click()
        await ann.sees_credits(4)
        await ann.page.get_by_role("button", name="Cancel").click()
        await expect(ann.page.get_by_role("status").get_by_text("You have your credit back.")).to_be_attached()
        await ann.sees_credits(5)


async def test_two_tabs_show_the_same_pictures_job_and_session(visit: Visit, stack: Stack) -> None:
    ann = await visit()
    other = await ann.other_tab()
    await ann.add("You", pictures.person())
    await ann.add("Wardrobe", pictures.garment())
    await expect(other.shelf("Wardrobe").get_by_role("radio")).to_have_count(1)
    async with at_rest(stack):
        await ann.try_on.click()
        await expect(other.page.get_by_role("button", name="Cancel")).to_be_visible()
    for tab in (ann, other):
        await expect(tab.slider).to_be_visible(timeout=MAKING)
        await tab.sees_credits(4)
    await other.open("/account")
    await other.page.get_by_role("button", name="Sign out").click()
    await expect(ann.page.get_by_role("heading", name="Create your account")).to_be_visible()


async def test_a_token_that_expires_in_the_middle_is_renewed_silently(
    visit: Visit, stack: Stack, expired: Callable[[str], str]
) -> None:
    ann = await dressed(visit)
    old = expired(await ann.cookie("access_token"))
    await ann.context.add_cookies([{"name": "access_token", "value": old, "url": stack.url, "httpOnly": True}])
    await ann.try_on.click()
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    assert await ann.cookie("access_token") != old


async def test_a_session_that_ended_elsewhere_leads_to_the_way_in(visit: Visit) -> None:
    ann = await dressed(visit)
    await ann.context.clear_cookies()
    await ann.try_on.click()
    await expect(ann.page.get_by_role("button", name="Create account")).to_be_visible()
    await ann.page.get_by_role("button", name="Sign in").click()
    await ann.sign_in()
    await expect(ann.try_on).to_be_enabled()


async def test_scripts_cannot_read_the_session_and_the_page_stores_none_of_it(visit: Visit) -> None:
    ann = await visit(signed_in=False)
    await ann.sign_up()
    await expect(ann.try_on).to_be_visible()
    kept = await ann.page.evaluate(
        "JSON.stringify([document.cookie, Object.entries(localStorage), Object.entries(sessionStorage)])"
    )
    assert "eyJ" not in kept
    assert await ann.cookie("access_token") not in kept


async def test_offline_says_so_and_goes_on_when_the_network_is_back(visit: Visit) -> None:
    ann = await dressed(visit)
    await ann.context.set_offline(True)
    await expect(ann.page.get_by_text("You are offline. What you see may be out of date.")).to_be_visible()
    await ann.try_on.click()
    await expect(ann.alert).to_have_text("You are offline. Please try again when you are connected.")
    await ann.context.set_offline(False)
    await expect(ann.page.get_by_text("What you see may be out of date.")).to_have_count(0)
    await ann.try_on.click()
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    await ann.sees_credits(4)


async def test_a_connection_lost_while_a_job_runs_does_not_lose_the_job(visit: Visit, stack: Stack) -> None:
    ann = await dressed(visit)
    async with at_rest(stack):
        await ann.try_on.click()
        await expect(ann.page.get_by_role("button", name="Cancel")).to_be_visible()
        await ann.context.set_offline(True)
    await ann.context.set_offline(False)
    await expect(ann.slider).to_be_visible(timeout=MAKING)


async def test_an_answer_that_is_lost_costs_no_second_credit(visit: Visit) -> None:
    ann = await dressed(visit)

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await ann.page.route(JOBS, lose, times=1)
    await ann.try_on.click()
    await expect(ann.alert).to_have_text("We could not reach the server. Please check your connection and try again.")
    await ann.try_on.click()
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    await ann.sees_credits(4)
    assert await job_count(ann) == 1


async def test_on_a_slow_network_an_upload_shows_how_far_it_is(visit: Visit) -> None:
    ann = await visit()
    link = await ann.context.new_cdp_session(ann.page)
    slow = {"offline": False, "latency": 200, "downloadThroughput": 200_000, "uploadThroughput": 150_000}
    await link.send("Network.emulateNetworkConditions", slow)
    await ann.choose_file("You", pictures.noise("PNG", (400, 400)))
    bar = ann.page.get_by_role("progressbar", name="Uploading")
    await expect(bar).to_be_visible()
    await bar.evaluate(
        """bar => new Promise(resolve => new MutationObserver(() => bar.value > 0 && bar.value < 1 && resolve())
            .observe(bar, {attributes: true}))"""
    )
    await expect(ann.shelf("You").get_by_role("radio")).to_be_checked(timeout=30_000)
    await expect(bar).to_have_count(0)


async def test_a_server_that_does_not_answer_at_the_start_can_be_asked_again(visit: Visit) -> None:
    ann = await visit()
    await ann.page.route("**/api/auth/profile", lambda route: route.abort(), times=1)
    await ann.page.reload()
    await expect(ann.alert).to_contain_text("We could not reach the server.")
    await ann.page.get_by_role("button", name="Try again").click()
    await expect(ann.page.get_by_role("heading", name="Try something on")).to_be_visible()
