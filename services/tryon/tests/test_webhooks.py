"""What is taken from providers, and what is not."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from drape.tryon.v1 import tryon_pb2 as pb
from google.api.httpbody_pb2 import HttpBody

from services.kit.tests.waiting import eventually
from services.tryon.engines.news import News
from services.tryon.errors import WebhookRefused
from services.tryon.tests.served import Tryon
from services.tryon.tests.shop import WEBHOOK_SECRET, Shop
from services.tryon.webhooks import CHANNEL, MAX_BYTES

Headers = dict[str, str]
NO_RUNS: tuple[Any, ...] = ("", "a b", "x" * 201, None, {}, 1, ["run-1"])


def signed(body: bytes, age: int = 0) -> Headers:
    """Replicate's headers."""
    stamp = str(int(time.time()) - age)
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"msg_1.{stamp}.".encode() + body, "sha256")).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    """A body as it comes over the wire."""
    for part in given:
        yield part


async def test_whoever_waits_for_the_run_in_another_process_is_told(tryon: Tryon) -> None:
    heard: list[str] = []
    stop = asyncio.Event()
    listening = asyncio.create_task(tryon.shop.database.listen(CHANNEL, heard.append, stop))

    async def listens() -> bool:
        return heard == [""]

    await eventually(listens, "the connection")
    body = b'{"id": "run-1", "status": "succeeded"}'
    for _ in range(2):  # the very same may come again
        answer = await _send(tryon, body, signed(body))
        assert answer.received

    async def told() -> bool:
        return heard[1:] == ["replicate run-1"] * 2

    await eventually(told, "the news")
    stop.set()
    await listening


async def _send(tryon: Tryon, body: bytes, headers: Headers) -> pb.ReceiveReplicateWebhookResponse:
    async def halves() -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type="application/json", data=body[:7])
        yield HttpBody(data=body[7:])

    answer: pb.ReceiveReplicateWebhookResponse = await tryon.api.ReceiveReplicateWebhook(
        halves(), metadata=tuple(headers.items())
    )
    return answer


async def test_it_needs_no_credentials_and_a_bad_signature_is_told_as_the_contract_says(tryon: Tryon) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await _send(tryon, b'{"id": "run-1"}', signed(b"another body"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "Webhook signature verification failed"


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1.5", "٣", "9" * 400, "0"])
async def test_a_time_that_is_none_or_not_now_is_refused_before_the_body_is_read(shop: Shop, stamp: str) -> None:
    body = parts(b"never read")
    with pytest.raises(WebhookRefused):
        await shop.webhooks.receive("replicate", signed(b"") | {"webhook-timestamp": stamp}, body)
    assert await anext(body) == b"never read"


@pytest.mark.parametrize("age", [-290, 0, 290])
async def test_clocks_may_differ_a_little(shop: Shop, age: int) -> None:
    body = b'{"id": "run-1"}'
    await shop.webhooks.receive("replicate", signed(body, age), parts(body))


@pytest.mark.parametrize("engine", ["fal", "fashn", "vertex", "local", ""])
async def test_whoever_is_not_listened_to_is_refused(shop: Shop, engine: str) -> None:
    with pytest.raises(WebhookRefused):
        await shop.webhooks.receive(engine, signed(b"{}"), parts(b"{}"))


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b"{}", *(json.dumps({"id": run}).encode() for run in NO_RUNS)],
)
async def test_what_is_signed_and_names_no_run_is_refused(shop: Shop, body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        await shop.webhooks.receive("replicate", signed(body), parts(body))


async def test_what_is_too_large_is_not_read_to_its_end(shop: Shop) -> None:
    megabyte = bytes(1024 * 1024)
    body = parts(*[megabyte] * (MAX_BYTES // len(megabyte) + 1), b"the rest")
    with pytest.raises(WebhookRefused):
        await shop.webhooks.receive("replicate", signed(b""), body)
    assert await anext(body) == b"the rest"


def test_news_reach_those_who_wait_for_that_run_and_all_when_some_may_have_been_missed() -> None:
    news = News()
    with news.of("fal", "1") as first, news.of("fal", "2") as second:
        news.heard("fal 1")
        news.heard("fal 3")
        assert (first.is_set(), second.is_set()) == (True, False)
        news.heard("")
        assert second.is_set()
    news.heard("fal 1")
