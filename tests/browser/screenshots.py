"""`make screenshots`: the page as the README shows it, made with the whole system into docs/screen-*.png."""

import asyncio
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import cast

from PIL import Image
from playwright.async_api import Browser, ViewportSize, async_playwright, expect

from sandbox import drawings
from sandbox.stack import ROOT, Stack, free_ports
from services.kit import embedded
from tests.browser.chromium import ARGUMENTS, executable
from tests.browser.person import MAKING, Person
from tests.e2e import pictures

DOCS = ROOT / "docs"
WIDE: ViewportSize = {"width": 1200, "height": 780}
SURFACES = 32
PHONE: ViewportSize = {"width": 390, "height": 780}


async def walk(browser: Browser, url: str) -> None:
    """Goes through the story and takes a picture wherever there is something to see."""
    context = await browser.new_context(base_url=url, viewport=WIDE, color_scheme="light", reduced_motion="reduce")
    ann = Person(context, await context.new_page())
    await ann.open("/")
    await shoot(ann, "welcome")
    await ann.sign_up()
    await expect(ann.page.get_by_role("heading", name="Start with a photo of yourself")).to_be_visible()
    await ann.add("You", pictures.person())
    for outfit in (drawings.tshirt(), drawings.tshirt((34, 54, 92), "badge"), drawings.sweater(pattern="stripes")):
        await ann.add("Wardrobe", outfit)
    await ann.try_on.click()
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    await shoot(ann, "studio")
    await ann.open("/gallery")
    await expect(ann.page.get_by_role("button", name="Try-on of")).to_be_visible()
    await shoot(ann, "gallery")
    await ann.open("/billing")
    await expect(ann.page.get_by_role("heading", name="Every month")).to_be_visible()
    await shoot(ann, "credits")
    phone = await browser.new_context(
        base_url=url,
        viewport=PHONE,
        color_scheme="dark",
        reduced_motion="reduce",
        is_mobile=True,
        has_touch=True,
        storage_state=await context.storage_state(),
    )
    ann = Person(phone, await phone.new_page())
    await ann.open("/gallery?type=generated")
    await shoot(ann, "phone-gallery")
    await ann.page.get_by_role("button", name="Try-on of").click()
    await expect(ann.slider).to_be_visible()
    await shoot(ann, "phone-compare")
    await ann.open("/")
    await expect(ann.try_on).to_be_enabled()
    await shoot(ann, "phone-studio")
    await phone.close()
    await context.close()


async def shoot(person: Person, name: str) -> None:
    """Writes what is shown, in few colours: a README should not weigh megabytes."""
    await person.page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    picture = Image.open(io.BytesIO(await person.page.screenshot(animations="disabled"))).convert("RGB")
    few_colours(picture).save(DOCS / f"screen-{name}.png", optimize=True)


def few_colours(picture: Image.Image) -> Image.Image:
    """In 256 colours: those of the page's own surfaces exactly, the rest shared out among the photos."""
    counted = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)
    surfaces = [part for _, colour in counted[:SURFACES] for part in cast("tuple[int, int, int]", colour)]
    photos = picture.quantize(256 - SURFACES).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette((surfaces + photos)[: 3 * 256])
    return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


async def photograph(url: str) -> None:
    """Opens the browser and walks."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        await walk(browser, url)
        await browser.close()


def main() -> int:
    """Starts everything, takes the pictures, stops everything."""
    if not executable():
        sys.stderr.write("Chromium is not installed: apt install chromium\n")
        return 1
    DOCS.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    ports = free_ports()
    stack = Stack(folder, ports, f"http://localhost:{ports['gateway']}")
    try:
        stack.start()
        asyncio.run(photograph(stack.url))
    finally:
        stack.stop()
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
