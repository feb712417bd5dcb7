"""The two cookies of a session, and the clearing of them and of the frontend's own."""

from dataclasses import dataclass

from services.auth.sessions import Credentials
from services.kit.identity import ACCESS_COOKIE, FRONTEND_COOKIE

REFRESH_COOKIE = "refresh_token"


@dataclass(frozen=True)
class Cookies:
    """Makes Set-Cookie values. Lifetimes in seconds."""

    secure: bool
    access_seconds: int
    refresh_seconds: int

    def of(self, credentials: Credentials) -> tuple[str, ...]:
        """The cookies of a new or renewed session."""
        return (
            self._cookie(ACCESS_COOKIE, credentials.access_token, self.access_seconds),
            self._cookie(REFRESH_COOKIE, credentials.refresh_token, self.refresh_seconds),
        )

    def cleared(self) -> tuple[str, ...]:
        """What a browser forgets at logout. The frontend's `token` is never set here, only cleared."""
        return (
            self._cookie(ACCESS_COOKIE, "", 0),
            self._cookie(REFRESH_COOKIE, "", 0),
            f"{FRONTEND_COOKIE}=; Path=/; Max-Age=0",
        )

    def _cookie(self, name: str, value: str, seconds: int) -> str:
        secure = "; Secure" if self.secure else ""
        return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
