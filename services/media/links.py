"""URLs of images: signed, so that they need no session, and the same for a day, so that browsers can cache."""

import base64
import hmac
import time
from functools import lru_cache
from urllib.parse import urlsplit

_DAY = 86_400


class Links:
    """Makes and checks the URLs under which the gateway serves images."""

    def __init__(self, public_url: str, secret: str, days: int) -> None:
        self._base = f"{public_url.rstrip('/')}/media/"
        self._secret = secret.encode()
        self._days = days
        # Of our own URLs alone, which are the same all day; what strangers bring is not worth keeping.
        self._signed = lru_cache(10_000)(self._signature)

    def url(self, image_id: str) -> str:
        """An absolute URL that works for at least `days` days."""
        expires = (int(time.time()) // _DAY + self._days + 1) * _DAY
        return f"{self._base}{image_id}?exp={expires}&sig={self._signed(image_id, str(expires))}"

    def allows(self, image_id: str, expires: str, signature: str) -> bool:
        """Whether the signature is ours and its time is not over."""
        good = hmac.compare_digest(self._signature(image_id, expires).encode(), signature.encode())
        return good and expires.isascii() and expires.isdigit() and int(expires) > time.time()

    def image_id(self, url: str) -> str | None:
        """The image a URL of ours stands for, whether or not its time is over; None for any other URL."""
        if not url.startswith(self._base):
            return None
        return urlsplit(url).path.rpartition("/")[2] or None

    def _signature(self, image_id: str, expires: str) -> str:
        digest = hmac.digest(self._secret, f"{image_id}.{expires}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:24]).decode()
