"""What survives a restart, and what a start refuses."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest
import stripe

from sandbox.command import from_environment
from sandbox.stripe.__main__ import main
from sandbox.stripe.config import PREFIX, Config
from sandbox.stripe.store import Store

from .conftest import KEY, Receiver, eventually, open_session, running


async def test_objects_and_idempotency_keys_survive_a_restart(shared_receiver: Receiver, state_file: Path) -> None:
    async with running(shared_receiver, state=state_file) as stack:
        customer = await stack.client.v1.customers.create_async({"name": "Ann"}, {"idempotency_key": "k"})
        session = await open_session(stack, customer=customer.id)
        saved = await asyncio.to_thread(Store, state_file)
        assert saved.find("checkout.session", session.id)
    async with running(shared_receiver, state=state_file) as stack:
        assert (await stack.client.v1.checkout.sessions.retrieve_async(session.id)).status == "open"
        again = await stack.client.v1.customers.create_async({"name": "Ann"}, {"idempotency_key": "k"})
        assert again.id == customer.id
        await stack.control(f"checkout/{session.id}/pay")
        assert (await stack.client.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


async def test_a_delivery_that_nobody_took_is_made_after_the_restart(
    shared_receiver: Receiver, state_file: Path
) -> None:
    shared_receiver.events.clear()
    nobody = "http://127.0.0.1:9/hook"
    async with running(shared_receiver, state=state_file, webhook_url=nobody) as stack:
        await stack.client.v1.customers.create_async({"name": "Ann"})
    async with running(shared_receiver, state=state_file):
        await shared_receiver.wait_for("customer.created")


async def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    store = Store(path)
    store.put({"id": "cus_1", "object": "customer"})
    await store.saved()
    assert Store(path).find("customer", "cus_1") == {"id": "cus_1", "object": "customer"}
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["state.json"]


async def test_blocking_clients_work_too(shared_receiver: Receiver) -> None:
    async with running(shared_receiver) as stack:
        client = stripe.StripeClient(KEY, base_addresses={"api": stack.url})
        customer = await asyncio.to_thread(client.v1.customers.create, {"name": "Ann"})
        assert customer.name == "Ann"


@pytest.mark.parametrize("setting", [{"host": "192.0.2.1"}, {"webhook_url": "https://example.com/hook"}])
def test_only_loopback_is_allowed_unless_said_otherwise(setting: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not loopback"):
        Config(**setting)  # type: ignore[arg-type]
    Config(**setting, allow_remote=True)  # type: ignore[arg-type]


def test_the_command_refuses_what_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "192.0.2.1"]) == 2
    assert "not loopback" in capsys.readouterr().err


def test_a_broken_state_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.json").write_text("{")
    assert main(["--state", str(tmp_path / "state.json")]) == 2
    assert "state.json is not a state file" in capsys.readouterr().err


async def test_the_command_serves_until_it_is_stopped(state_file: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sandbox.stripe", "--port", str(port), "--state", str(state_file)]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        client = stripe.StripeClient(KEY, base_addresses={"api": f"http://127.0.0.1:{port}"}, max_network_retries=0)

        async def created() -> bool:
            try:
                await client.v1.customers.create_async({"name": "Ann"})
            except stripe.APIConnectionError:
                return False
            return True

        await eventually(created, "the command", seconds=20)
    finally:
        process.terminate()
        await process.wait()
    kept = await asyncio.to_thread(Store, state_file)
    assert [customer["name"] for customer in kept.all("customer")] == ["Ann"]


def test_settings_come_from_the_environment() -> None:
    given = from_environment(PREFIX, {"STRIPE_SANDBOX_WEBHOOK_URL": "http://localhost/x", "HOME": "/"})
    assert given == {"webhook_url": "http://localhost/x"}
