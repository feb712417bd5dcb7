"""E-mail addresses: whether one can be, and what they are compared by."""

import email_validator
from email_validator import EmailNotValidError, validate_email

from services.auth.errors import InvalidEmail

# Shops try us out on .test and .local; whether mail arrives is not decided by a list of names.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def checked_email(email: str) -> str:
    """The address in its normal form. Raises InvalidEmail."""
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidEmail("Please enter a valid email address") from error


def email_key(email: str) -> str | None:
    """What addresses are compared by; None, which nobody has, when it is no address."""
    try:
        return checked_email(email).lower()
    except InvalidEmail:
        return None
