"""From the first visit to a bought package, and what goes wrong on the way."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.inbox import Inbox
from tests.browser.person import MAKING, PASSWORD, Person
from tests.e2e import pictures

HEIC = Path(__file__).parents[2] / "services" / "media" / "tests" / "heic" / "orientation-6.heic"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


async def test_a_visitor_signs_up_tries_an_outfit_on_keeps_it_and_buys_credits(visit: Visit, tmp_path: Path) -> None:
    ann = await visit(signed_in=False)
    page = ann.page

    await ann.sign_up()
    await expect(page.get_by_role("heading", name="Start with a photo of yourself")).to_be_visible()
    await ann.sees_credits(5)
    await expect(ann.try_on).to_be_disabled()

    await ann.add("You", pictures.person())
    await ann.add("Wardrobe", pictures.garment())
    await ann.try_on.click()
    await expect(ann.slider).to_be_visible(timeout=MAKING)
    await ann.sees_credits(4)
    saved = await ann.saved(page.get_by_role("link", name="Download"), tmp_path)
    assert pictures.decoded(saved).size == pictures.PERSON_SIZE

    await page.get_by_role("link", name="Gallery").click()
    await expect(page.get_by_role("button", name="Try-on of")).to_have_count(1)
    await page.get_by_role("link", name="Wardrobe").click()
    await page.get_by_role("button", name="Outfit of").click()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog", name="Delete this picture?").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("heading", name="Your wardrobe is empty")).to_be_visible()
    assert {image["type"] for image in (await ann.ask("/api/images"))["images"]} == {"user", "generated"}

    await page.get_by_role("link", name="Credits", exact=True).click()
    await page.get_by_role("button", name="Buy: 10 credits").click()
    await page.get_by_role("button", name="Pay 4.99 USD").click()
    await expect(page.get_by_text("Thank you. Your credits are here.")).to_be_visible()
    await ann.sees_credits(14)
    await expect(page.get_by_text("Bought: 10 left")).to_be_visible()
    await expect(page.get_by_role("row", name="Try-on −1")).to_be_visible()
    await expect(page.get_by_role("row", name="Credits bought +10")).to_be_visible()


async def test_a_payment_that_is_canceled_says_that_nothing_was_charged(visit: Visit) -> None:
    ann = await visit()
    await ann.open("/billing")
    await ann.page.get_by_role("button", name="Subscribe: Basic").click()
    await ann.page.get_by_role("button", name="Cancel").click()
    await expect(ann.page.get_by_text("Nothing was bought, and nothing was charged.")).to_be_visible()
    await ann.page.reload()
    await expect(ann.page.get_by_role("heading", name="Buy once")).to_be_visible()
    await expect(ann.page.get_by_text("Nothing was bought")).to_have_count(0)


async def test_the_apis_sentences_are_what_is_shown(visit: Visit) -> None:
    ann = await visit(signed_in=False)
    await ann.page.get_by_role("button", name="Create account").click()
    await expect(ann.alert).to_have_text("Email and password are required")
    await ann.page.get_by_role("button", name="Sign in").click()
    await ann.sign_in()
    await expect(ann.alert).to_have_text("Invalid credentials")


async def test_a_photo_without_a_person_is_told_before_and_instead_of_a_try_on_and_costs_nothing(visit: Visit) -> None:
    ann = await visit()
    await ann.add("You", pictures.landscape())
    await ann.add("Wardrobe", pictures.garment())
    await expect(ann.page.get_by_text("No person was found in this photo.")).to_be_visible()
    await ann.try_on.click()
    await expect(ann.alert).to_contain_text("No person was found in this photo.")
    await ann.sees_credits(5)


async def test_a_file_that_is_no_picture_is_refused_and_the_page_goes_on(visit: Visit) -> None:
    ann = await visit()
    await ann.choose_file("You", b"not a picture")
    await expect(ann.alert).to_have_text("Invalid file type. Allowed: jpg, jpeg, png, webp")
    await ann.add("You", pictures.person())
    await expect(ann.alert).to_be_empty()


async def test_a_photo_that_is_too_large_for_the_api_is_made_smaller_first(visit: Visit) -> None:
    ann = await visit()
    large = pictures.noise("PNG", (2400, 1600))
    assert len(large) > 5 * 1024 * 1024
    await ann.add("You", large)
    image = (await ann.ask("/api/images"))["images"][0]
    assert (image["width"], image["height"]) == (2048, 1365)


async def test_a_phones_own_format_is_taken_though_the_browser_cannot_read_it(visit: Visit) -> None:
    ann = await visit()
    await ann.add("You", HEIC.read_bytes(), "photo.heic")
    assert (await ann.ask("/api/images"))["images"][0]["contentType"] == "image/jpeg"


async def test_a_dropped_file_is_added_where_it_is_dropped(visit: Visit) -> None:
    ann = await visit()
    dropped = await ann.page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "shirt.png", {type: "image/png"}));
            return transfer;
        }""",
        list(pictures.noise("PNG")),
    )
    await ann.shelf("Wardrobe").dispatch_event("drop", {"dataTransfer": dropped})
    await expect(ann.shelf("Wardrobe").get_by_role("radio")).to_be_checked()


async def test_name_and_password_can_be_changed_and_an_email_only_with_the_password(visit: Visit) -> None:
    ann = await visit()
    await ann.open("/account")
    profile = ann.page.locator("form", has=ann.page.get_by_role("heading", name="Profile"))
    await profile.get_by_label("Name").fill("Pilot")
    await profile.get_by_label("E-mail").fill(f"new-{ann.email}")
    await profile.get_by_label("Current password").fill("wrong password")
    await profile.get_by_role("button", name="Save").click()
    await expect(profile.get_by_role("alert")).to_have_text("Current password is incorrect")
    await profile.get_by_label("E-mail").fill(ann.email)
    await profile.get_by_role("button", name="Save").click()
    await expect(ann.page.get_by_text("Profile saved.")).to_be_visible()

    password = ann.page.locator("form", has=ann.page.get_by_role("heading", name="Password"))
    await password.get_by_label("Current password").fill(PASSWORD)
    await password.get_by_label("New password").fill("another good one")
    await password.get_by_role("button", name="Change password").click()
    await expect(ann.page.get_by_text("Password changed.")).to_be_visible()

    await ann.page.get_by_role("button", name="Sign out").click()
    await ann.sign_in("another good one")
    await expect(ann.page.get_by_label("Name")).to_have_value("Pilot")


async def test_an_account_is_deleted_only_with_its_password(visit: Visit) -> None:
    ann = await visit()
    await ann.open("/account")
    await ann.page.get_by_role("button", name="Delete account").click()
    dialog = ann.page.get_by_role("dialog")
    for wrong in ("", "wrong password"):
        await dialog.get_by_label("Password").fill(wrong)
        await dialog.get_by_role("button", name="Delete everything").click()
        await expect(dialog.get_by_role("alert")).not_to_be_empty()
    await dialog.get_by_label("Password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Delete everything").click()
    await expect(ann.page.get_by_role("heading", name="Welcome back")).to_be_visible()
    await ann.sign_in()
    await expect(ann.alert).to_have_text("Invalid credentials")


async def test_a_session_elsewhere_is_seen_and_ended(visit: Visit) -> None:
    ann = await visit()
    phone = await visit(signed_in=False, user_agent=IPHONE)
    phone.email = ann.email
    await phone.page.get_by_role("button", name="Sign in").click()
    await phone.sign_in()
    await phone.sees_credits(5)
    await ann.open("/account")
    await expect(ann.page.get_by_text("This device")).to_be_visible()
    await ann.page.get_by_role("button", name="Sign out: Safari on iPhone").click()
    await expect(ann.page.get_by_text("Signed out there.")).to_be_visible()
    await expect(ann.page.get_by_text("Safari on iPhone")).to_have_count(0)
    await expect(ann.page.get_by_text("This device")).to_be_visible()
    await until_signed_out(phone)


async def test_a_forgotten_password_is_replaced_by_the_link_in_the_mail(visit: Visit, inbox: Inbox) -> None:
    ann = await visit()
    await ann.page.get_by_role("link", name="Account").click()
    await ann.page.get_by_role("button", name="Sign out", exact=True).click()
    await ann.page.get_by_role("link", name="Forgot your password?").click()
    await ann.page.get_by_label("E-mail").fill(ann.email)
    await ann.page.get_by_role("button", name="Send the link").click()
    await expect(ann.page.get_by_text("is on its way")).to_be_visible()

    await ann.open(await inbox.link(ann.email, "new password"))
    assert ann.page.url.endswith("/reset-password"), "the token has left the address"
    await ann.page.get_by_label("New password").fill("short")
    await ann.page.get_by_role("button", name="Save the password").click()
    await expect(ann.alert).to_have_text("Password must be at least 8 characters")
    await ann.page.get_by_label("New password").fill("a better one by far")
    await ann.page.get_by_role("button", name="Save the password").click()
    await expect(ann.page.get_by_text("Password changed successfully. Please sign in.")).to_be_visible()
    await ann.page.get_by_role("link", name="To the sign-in").click()
    await ann.page.get_by_role("button", name="Sign in").click()
    await ann.sign_in("a better one by far")
    await ann.sees_credits(5)


async def test_an_address_is_confirmed_by_the_link_in_the_mail_once(visit: Visit, inbox: Inbox) -> None:
    ann = await visit()
    link = await inbox.link(ann.email, "Confirm")
    await ann.open(link)
    assert ann.page.url.endswith("/verify-email")
    await ann.page.get_by_role("button", name="Confirm").click()
    await expect(ann.page.get_by_text("Email address confirmed successfully")).to_be_visible()
    await ann.open(link)
    await ann.page.get_by_role("button", name="Confirm").click()
    await expect(ann.alert).to_have_text("This link is not valid any more. Please ask for a new one.")


async def test_a_link_that_got_lost_can_be_asked_for_again(visit: Visit) -> None:
    ann = await visit()
    await ann.open("/account")
    await ann.page.get_by_role("button", name="Mail the link that confirms my address again").click()
    await expect(ann.page.get_by_text("If your address waits to be confirmed, a link is on its way.")).to_be_visible()


async def until_signed_out(person: Person) -> None:
    """Waits until the page of somebody whose session was ended asks them to sign in."""
    for _ in range(20):
        await person.page.reload()
        if await person.page.get_by_role("button", name="Create account").is_visible():
            return
        await person.page.wait_for_timeout(500)
    raise AssertionError("the other device is still signed in")
