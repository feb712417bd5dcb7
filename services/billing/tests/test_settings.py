"""Without its secrets the service does not start."""

import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec

import pytest

from services.kit.tests.credentials import ServiceKeys

SECRETS = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("value", ["", None])
async def test_a_service_without_a_secret_says_so_and_ends(missing: str, value: str | None) -> None:
    keys = ServiceKeys()
    given = SECRETS | {"SERVICE_PRIVATE_KEY": keys.private["billing"], "SERVICE_PUBLIC_KEYS": str(keys.public)}
    given["SERVICE_PUBLIC_KEYS"] = given["SERVICE_PUBLIC_KEYS"].replace("'", '"')
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"], **given}
    del environment[missing]
    if value is not None:
        environment[missing] = value
    command = (sys.executable, "-m", "services.billing")
    process = await create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    said, wrong = await process.communicate()
    assert process.returncode not in (0, None)
    assert missing in (said + wrong).decode()
    assert "sk_live_1" not in (said + wrong).decode()
