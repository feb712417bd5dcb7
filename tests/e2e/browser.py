"""A person's browser: it keeps cookies, knows its account, and checks what holds for every answer."""

import ssl
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.contract import check_every_answer

PASSWORD = "correct horse battery"
Json = dict[str, Any]

# The stack speaks plain HTTP; reading the certificates of the world takes longer than most tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Browser(httpx.Client):
    """An HTTP client of one person."""

    user_id: str = ""
    email: str = ""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=120, verify=NO_TLS, event_hooks={"response": [check_every_answer]})

    def sign_up(self) -> "Browser":
        """Opens a new account and is signed in to it."""
        self.email = f"{uuid4().hex}@example.com"
        answer = self.post("/api/auth/register", json={"email": self.email, "password": PASSWORD, "name": "Ann"})
        assert answer.status_code == 201, answer.text
        self.user_id = answer.json()["user"]["id"]
        return self

    def upload(self, data: bytes, kind: str = "user") -> Json:
        """Uploads a picture and returns the image."""
        answer = self.post("/api/images/upload", data={"type": kind}, files={"image": ("photo", data)})
        assert answer.status_code == 201, answer.text
        image: Json = answer.json()["image"]
        return image

    def images(self, **query: str | int) -> list[Json]:
        """The gallery."""
        answer = self.get("/api/images", params=query)
        assert answer.status_code == 200, answer.text
        images: list[Json] = answer.json()["images"]
        return images

    def credits(self) -> int:
        """What billing says can be spent."""
        answer = self.get("/api/billing/balance")
        assert answer.status_code == 200, answer.text
        return int(answer.json()["credits"])

    def delete_account(self) -> None:
        """Deletes the account."""
        assert self.delete("/api/user/account").status_code == 200


def fetch(url: str, **headers: str) -> httpx.Response:
    """What somebody gets who has nothing but the address."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(url, headers=named, verify=NO_TLS)
