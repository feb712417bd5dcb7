"""Looking at the images before a credit is set aside."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from grpc import StatusCode

from services.kit.ids import new_id
from services.tryon.checks import Checks
from services.tryon.engines.base import EngineFailed, InputProblem, NotForThisEngine
from services.tryon.errors import ImagesNotFound, InputRefused, TooBusy
from services.tryon.peers import StoredImage
from services.tryon.tests.fakes import FakeChecker, FakeMedia, Gate
from services.tryon.tests.shop import Shop

DARK = InputProblem("TOO_DARK", "It is dark.", "person", (0.0, 0.25, 0.5, 1.0))
CUT_OFF = InputProblem("NOT_A_GARMENT", "No outfit.", "garment")
TROUSERS = NotForThisEngine("GARMENT_CROPPED", "Tops only.", "garment")


async def test_an_image_that_cannot_be_used_is_refused_before_anything_is_begun(shop: Shop, user: str) -> None:
    shop.checker.finds = lambda: [DARK, CUT_OFF]
    request = shop.request(user, key="k")
    for _ in range(2):
        with pytest.raises(InputRefused, match="It is dark") as refused:
            await shop.generation.generate(user, request)
        assert (refused.value.code, refused.value.reason) == (StatusCode.INVALID_ARGUMENT, "TOO_DARK")
        assert refused.value.metadata == {"field": "personImageId", "box": "0,0.25,0.5,1"}
    assert shop.billing.holds == {}
    assert (await shop.jobs.page(user, 10, ""))[0] == []
    assert len(shop.checker.seen) == 2


async def test_the_outfits_problem_is_told_of_the_outfit(shop: Shop, user: str) -> None:
    shop.checker.finds = lambda: [CUT_OFF]
    with pytest.raises(InputRefused) as refused:
        await shop.generation.start(user, shop.request(user))
    assert refused.value.metadata == {"field": "outfitImageId"}


async def test_the_same_photo_with_another_outfit_is_not_looked_at_again(shop: Shop, user: str) -> None:
    first, second = shop.request(user), shop.request(user)
    await shop.generation.start(user, first)
    person, outfit = first.person_image_id, second.outfit_image_id
    assert await shop.generation.check(user, person, outfit) == []
    assert await shop.generation.check(user, person, outfit) == []
    assert shop.checker.seen == [(b"user", None), (None, b"outfit"), (None, b"outfit")]


async def test_a_hundred_who_ask_at_once_wait_for_one_look(shop: Shop, user: str) -> None:
    gate = Gate()

    class Slow(FakeChecker):
        async def check(self, person: bytes | None, garment: bytes | None) -> Any:
            self.seen.append((person, garment))
            await gate()
            return [DARK]

    checker = Slow()
    checks = Checks(shop.media, checker, seconds=5, only_ours=True)
    person = shop.media.add(user, "user")
    asking = [asyncio.create_task(checks.problems(user, person, "")) for _ in range(100)]
    await gate.arrived.wait()
    asking[0].cancel()
    gate.open.set()
    assert await asyncio.gather(*asking[1:]) == [[DARK]] * 99
    assert len(checker.seen) == 1


async def test_a_look_that_failed_is_tried_again(shop: Shop, user: str) -> None:
    def broken() -> None:
        raise EngineFailed("no process")

    person = shop.media.add(user, "user")
    checks = Checks(shop.media, shop.checker, seconds=5, only_ours=True)
    shop.checker.finds = broken
    with pytest.raises(EngineFailed):
        await checks.problems(user, person, "")
    shop.checker.finds = lambda: [DARK]
    assert await checks.problems(user, person, "") == [DARK]


async def test_what_is_known_of_an_image_is_told_to_its_owner_only(shop: Shop, user: str, stranger: str) -> None:
    person = shop.media.add(user, "user")
    assert await shop.generation.check(user, person, "") == []
    with pytest.raises(ImagesNotFound):
        await shop.generation.check(stranger, person, "")


async def test_a_check_that_is_not_to_be_had_keeps_nobody_from_trying(shop: Shop, user: str) -> None:
    def broken() -> None:
        raise EngineFailed("no process")

    shop.checker.finds = broken
    assert (await shop.generation.start(user, shop.request(user))).state == "held"


async def test_a_check_that_takes_too_long_fails(shop: Shop, user: str) -> None:
    class Slow(FakeChecker):
        async def check(self, person: bytes | None, garment: bytes | None) -> Any:
            await asyncio.Event().wait()

    checks = Checks(shop.media, Slow(), seconds=0.05, only_ours=True)
    with pytest.raises(EngineFailed):
        await checks.problems(user, shop.media.add(user, "user"), "")


async def test_what_kind_an_image_is_is_asked_once_in_a_while(shop: Shop, user: str) -> None:
    now, asked = 0.0, 0

    class Counting(FakeMedia):
        async def find(self, user_id: str, ids: Sequence[str]) -> dict[str, StoredImage]:
            nonlocal asked
            asked += 1
            return await super().find(user_id, ids)

    media = Counting(shop.road)
    checks = Checks(media, shop.checker, seconds=5, only_ours=True, clock=lambda: now)
    images = [media.add(user, "user"), media.add(user, "outfit")]
    await checks.problems(user, *images)
    assert (await checks.types(user, images), asked) == (["user", "outfit"], 1)
    with pytest.raises(ImagesNotFound, match="One or both images not found"):
        await checks.types(new_id(), images)
    now, asked = 31.0, 0
    assert (await checks.types(user, images), asked) == (["user", "outfit"], 1)


async def test_an_image_that_is_deleted_just_before_a_try_on_costs_nothing(live: Shop, user: str) -> None:
    request = live.request(user)
    await live.generation.check(user, request.person_image_id, request.outfit_image_id)
    del live.media.sources[request.outfit_image_id]
    with pytest.raises(ImagesNotFound, match="One or both images not found"):
        await live.generation.generate(user, request)
    assert (live.billing.of(user), live.billing.credits[user]) == (["released"], 5)


async def test_what_only_our_own_engine_cannot_do_is_no_problem_where_there_are_others(shop: Shop, user: str) -> None:
    shop.checker.finds = lambda: [TROUSERS, DARK]
    images = shop.media.add(user, "user"), shop.media.add(user, "outfit")
    for only_ours, found in ((True, [DARK, TROUSERS]), (False, [DARK])):
        checks = Checks(shop.media, shop.checker, seconds=5, only_ours=only_ours)
        assert await checks.problems(user, *images) == found


async def test_nobody_is_looked_at_when_too_much_waits(shop: Shop, user: str) -> None:
    crowded = Shop(shop.database, max_queue=1)
    await shop.held(user)
    with pytest.raises(TooBusy):
        await crowded.generation.start(user, crowded.request(user))
    assert crowded.checker.seen == []
