"""A person at the page: what they do there, in their words."""

import mimetypes
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.async_api import BrowserContext, ConsoleMessage, FilePayload, Locator, Page, expect

MAKING = 90_000
"""Milliseconds that a try-on may take on a busy machine."""
PASSWORD = "correct horse battery"


class Person:
    """Somebody with a browser profile and one open tab."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.email = f"{uuid4().hex}@example.com"
        self._complaints: list[str] = []
        self._watch(page)

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        # The browser itself logs every refused request; those that matter are asserted where they are shown.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self._complaints.append(message.text)

    def check_console(self) -> None:
        """Asserts that no script failed, and that nothing broke the content security policy."""
        assert not self._complaints

    async def open(self, path: str) -> "Person":
        """Goes to a path and waits until the view stands."""
        await self.page.goto(path)
        await expect(self.page.get_by_role("heading").first).to_be_visible()
        return self

    async def arrive_signed_in(self) -> "Person":
        """Has an account already, and opens the studio."""
        answer = await self.context.request.post(
            "/api/auth/register", data={"email": self.email, "password": PASSWORD, "name": "Eileen"}
        )
        assert answer.status == 201, await answer.text()
        return await self.open("/")

    async def other_tab(self) -> "Person":
        """The same person in another tab, at the studio."""
        other = Person(self.context, await self.context.new_page())
        other.email = self.email
        return await other.open("/")

    async def sign_up(self) -> None:
        """Fills in the form of the first visit."""
        await self._enter("Create your account", PASSWORD)

    async def sign_in(self, password: str = PASSWORD) -> None:
        """Fills in the form of a later visit."""
        await self._enter("Welcome back", password)

    async def _enter(self, title: str, password: str) -> None:
        form = self.page.locator("form", has=self.page.get_by_role("heading", name=title))
        await form.get_by_label("E-mail").fill(self.email)
        await form.get_by_label("Password").fill(password)
        await form.get_by_label("Password").press("Enter")

    async def add(self, shelf: str, data: bytes, name: str = "picture.png") -> None:
        """Adds a picture to a shelf, You or Wardrobe, and waits until it is the chosen one."""
        tiles = self.shelf(shelf).get_by_role("radio")
        count = await tiles.count()
        await self.choose_file(shelf, data, name)
        await expect(tiles).to_have_count(count + 1)
        await expect(tiles.first).to_be_checked()

    async def choose_file(self, shelf: str, data: bytes, name: str = "picture.png") -> None:
        """Gives a file to a shelf."""
        kind = "image/jpeg" if data.startswith(b"\xff\xd8") else mimetypes.guess_type(name)[0] or ""
        payload: FilePayload = {"name": name, "mimeType": kind, "buffer": data}
        await self.shelf(shelf).get_by_label(f"Add: {shelf.lower()}").set_input_files(payload)

    def shelf(self, name: str) -> Locator:
        """The group of pictures with this title."""
        return self.page.get_by_role("group", name=name, exact=True)

    @property
    def try_on(self) -> Locator:
        """The button that costs a credit."""
        return self.page.get_by_role("button", name="Try it on")

    @property
    def slider(self) -> Locator:
        """What moves the line between before and after; there when the picture is."""
        return self.page.get_by_role("slider", name="Compare before and after")

    @property
    def alert(self) -> Locator:
        """The sentence about what went wrong."""
        return self.page.get_by_role("alert")

    async def sees_credits(self, number: int) -> None:
        """Waits until the frame of the page shows so many credits."""
        await expect(self.page.locator("#credits")).to_have_text("1 credit" if number == 1 else f"{number} credits")

    async def ask(self, path: str) -> dict[str, Any]:
        """What the API answers to this person."""
        answer = await self.context.request.get(path)
        assert answer.ok, await answer.text()
        body: dict[str, Any] = await answer.json()
        return body

    async def cookie(self, name: str) -> str:
        """The value of one of the gateway's cookies."""
        return next(cookie["value"] for cookie in await self.context.cookies() if cookie["name"] == name)

    async def saved(self, link: Locator, folder: Path) -> bytes:
        """Downloads through a link and returns what was saved."""
        async with self.page.expect_download() as coming:
            await link.click()
        file = folder / "download"
        await (await coming.value).save_as(file)
        return file.read_bytes()
