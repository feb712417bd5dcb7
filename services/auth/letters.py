"""What the mails say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Letter:
    """A mail's subject, text, and, when it has a link, the page of the frontend that the link opens."""

    subject: str
    text: str
    page: str = ""


_IGNORE = "If that was not you, you can ignore this mail: nothing changes."
_ALARM = "If that was not you, choose a new password at once: {frontend}/forgot-password"

LETTERS = {
    "verify": Letter(
        "Confirm your e-mail address",
        f"Welcome to Drape!\n\nPlease confirm that this is your address:\n\n{{link}}\n\n{_IGNORE}\n",
        page="verify-email",
    ),
    "change": Letter(
        "Confirm your new e-mail address",
        "Somebody, probably you, wants to use this address for their account at Drape. It takes effect when you "
        f"confirm it:\n\n{{link}}\n\n{_IGNORE}\n",
        page="verify-email",
    ),
    "reset": Letter(
        "Choose a new password",
        "Somebody, probably you, has forgotten the password of your account at Drape. Choose a new one here:\n\n"
        f"{{link}}\n\nThe link works once, and not for long. {_IGNORE}\n",
        page="reset-password",
    ),
    "change_requested": Letter(
        "Your e-mail address is about to change",
        "Somebody who knows your password has asked for another e-mail address for your account at Drape. It takes "
        f"effect when the new address is confirmed.\n\n{_ALARM}\n",
    ),
    "email_changed": Letter(
        "Your e-mail address was changed",
        "Your account at Drape has another e-mail address from now on; this one is not used any more.\n\n"
        "If that was not you, please tell us at once by answering this mail.\n",
    ),
    "password_changed": Letter(
        "Your password was changed",
        f"The password of your account at Drape was changed, and other sessions were signed out.\n\n{_ALARM}\n",
    ),
}
