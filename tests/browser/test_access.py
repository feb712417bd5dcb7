"""Everybody can use it: by keyboard, with a screen reader, on a small screen, in the dark."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import FileChooser, Page, expect

from tests.browser.conftest import Visit
from tests.browser.person import MAKING, PASSWORD, Person
from tests.e2e import pictures

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
# How what has the focus is called.
FOCUSED = "(one => one.ariaLabel ?? one.labels?.[0]?.innerText ?? one.innerText)(document.activeElement)"


async def has_no_barriers(page: Page) -> None:
    """Asserts that axe-core finds nothing in what is shown."""
    # Colours are judged when they have arrived.
    await page.evaluate("Promise.allSettled(document.getAnimations().map(one => one.finished))")
    found = await Axe().run(page, options={"runOnly": STANDARDS})
    assert not found.violations_count, found.generate_report()


@asynccontextmanager
async def with_a_picture(visit: Visit, **options: Any) -> AsyncIterator[Person]:
    """Somebody who has tried an outfit on."""
    person = await visit(**options)
    await person.add("You", pictures.person())
    await person.add("Wardrobe", pictures.garment())
    await person.try_on.click()
    await expect(person.slider).to_be_visible(timeout=MAKING)
    yield person


@pytest.mark.parametrize(
    ("scheme", "screen"), [("light", {}), ("dark", PHONE)], ids=["light on a wide screen", "dark on a phone"]
)
async def test_axe_finds_no_barrier_in_any_view(visit: Visit, scheme: str, screen: dict[str, Any]) -> None:
    # The checker's own script is what the page's policy would refuse; every other test runs with the policy.
    options = {**screen, "color_scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    stranger = await visit(signed_in=False, **options)
    await stranger.page.get_by_role("button", name="Create account").click()
    await expect(stranger.alert).not_to_be_empty()
    await has_no_barriers(stranger.page)
    newcomer = await visit(**options)
    for path in ("/", "/gallery"):
        await newcomer.open(path)
        await has_no_barriers(newcomer.page)
    async with with_a_picture(visit, **options) as ann:
        page = ann.page
        await page.get_by_text("Options").click()
        await has_no_barriers(page)
        await ann.open("/gallery")
        await page.get_by_role("button", name="Try-on of").click()
        await expect(ann.slider).to_be_visible()
        await has_no_barriers(page)
        await page.get_by_role("button", name="Delete").click()
        await has_no_barriers(page)
        await ann.open("/billing?canceled=true")
        await expect(page.get_by_role("heading", name="Buy once")).to_be_visible()
        await has_no_barriers(page)
        await ann.open("/account")
        await has_no_barriers(page)
        await page.get_by_role("button", name="Delete account").click()
        await has_no_barriers(page)


async def test_all_of_it_can_be_done_by_keyboard(visit: Visit) -> None:
    ann = await visit(signed_in=False)
    page, keys = ann.page, ann.page.keyboard

    choosers: asyncio.Queue[FileChooser] = asyncio.Queue()
    page.on("filechooser", choosers.put_nowait)

    async def tab_to(name: str) -> None:
        for _ in range(40):
            await keys.press("Tab")
            if await page.evaluate(FOCUSED) == name:
                return
        pytest.fail(f"Tab does not lead to {name}")

    await tab_to("E-mail")
    await keys.type(ann.email)
    await tab_to("Password")
    await keys.type(PASSWORD)
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="Try something on")).to_be_visible()

    for label, data in (("Add: you", pictures.person()), ("Add: wardrobe", pictures.garment())):
        await tab_to(label)
        await keys.press("Enter")
        chooser = await asyncio.wait_for(choosers.get(), 20)
        await chooser.set_files({"name": "a.png", "mimeType": "image/png", "buffer": data})
        await expect(page.get_by_role("radio", checked=True)).to_have_count(1 if label == "Add: you" else 2)

    await tab_to("Try it on")
    await keys.press("Enter")
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    await page.locator("#main").focus()
    await tab_to("Compare before and after")
    await keys.press("ArrowRight")
    await expect(ann.slider).to_have_value("51")
    await expect(ann.slider).to_have_attribute("aria-valuetext", "51% before, 49% after")

    await page.locator("body").focus()
    await tab_to("Gallery")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
    await expect(page.locator("#main")).to_be_focused()
    outfit = page.get_by_role("button", name="Outfit of")
    await outfit.focus()
    await keys.press("Enter")
    await expect(page.get_by_role("dialog", name="Outfit")).to_be_visible()
    await keys.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(outfit).to_be_focused()


async def test_a_screen_reader_is_told_how_the_work_goes(visit: Visit) -> None:
    ann = await visit()
    await ann.page.evaluate(
        """() => {
            window.said = [];
            const status = document.querySelector(".stage-place [role=status]");
            new MutationObserver(() => window.said.push(status.textContent)).observe(status, {childList: true});
        }"""
    )
    await ann.add("You", pictures.person())
    await ann.add("Wardrobe", pictures.garment())
    await ann.try_on.click()
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    said = await ann.page.evaluate("window.said")
    assert said[-1] == "Your picture is ready."
    # Stages, not every percent of them.
    assert len(said) == len(set(said)) <= 6


async def test_nothing_is_wider_than_a_small_phone_and_the_camera_is_offered(visit: Visit) -> None:
    async with with_a_picture(visit, **PHONE) as ann:
        assert await ann.shelf("You").get_by_label("Camera: you").get_attribute("capture") == "environment"
        for path in ("/", "/gallery", "/billing", "/account"):
            await ann.open(path)
            assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 320, path
            ways = await ann.page.get_by_role("navigation", name="Main").bounding_box()
            assert ways is not None
            assert ways["y"] + ways["height"] == 640


async def test_what_can_be_touched_is_large_enough(visit: Visit) -> None:
    async with with_a_picture(visit, **PHONE) as ann:
        for path in ("/", "/gallery", "/billing", "/account"):
            await ann.open(path)
            small = await ann.page.evaluate(
                """() => [...document.querySelectorAll("a, button, summary, label.tile, select")]
                    .map(one => [one.innerText, one.getBoundingClientRect()])
                    .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
                    .map(([text]) => text)"""
            )
            assert not [text for text in small if text != "Skip to the content"], path
