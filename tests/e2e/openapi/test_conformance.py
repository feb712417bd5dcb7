"""The running gateway against its own description, with requests that schemathesis makes up, good and bad."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox.stack import ROOT, Stack
from tests.e2e.browser import NO_TLS

# Our contract says otherwise than these: an unknown method is a 404; JSON of protobuf takes "5" for 5 and ignores
# fields that it does not know; what fits a schema may still be no e-mail address, or name an image that is not there.
NOT_OURS = "unsupported_method,negative_data_rejection,positive_data_acceptance"
# They need what only a mail, Stripe, Cloudinary or a provider of pictures has; tests of their own bring it.
FROM_MAILS = {"verifyEmail", "resetPassword"}
FROM_CLOUDS = {
    "createDirectUpload",
    "getDirectUpload",
    "receiveCloudinaryNotification",
    "receiveFalWebhook",
    "receiveReplicateWebhook",
    "receiveWebhook",
}
CANNOT_SUCCEED = FROM_MAILS | FROM_CLOUDS


def run(stack: Stack, folder: Path, phases: str, examples: int, **environment: str) -> dict[str, dict[str, int]]:
    """Runs schemathesis; returns how often each operation answered with which status. Fails with what it says."""
    answers = folder / "answers.json"
    variables = {"SCHEMATHESIS_HOOKS": "tests.e2e.openapi.hooks", "GATEWAY_URL": stack.url, "ANSWERS": str(answers)}
    python_path = os.pathsep.join((str(ROOT), str(ROOT / "gen")))
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", os.devnull, "run"]
    options = ["--seed", "1", "--generation-database", "none", "--no-color", "--continue-on-failure"]
    limits = ["--phases", phases, "--max-examples", str(examples), "--exclude-checks", NOT_OURS]
    done = subprocess.run(
        [*command, str(ROOT / "gen" / "openapi.json"), "--url", stack.url, *options, *limits],
        cwd=folder,
        env={**os.environ, **variables, "PYTHONPATH": python_path, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, dict[str, int]] = json.loads(answers.read_text())
    return found


def operations(stack: Stack) -> dict[str, set[str]]:
    """The operations of the description, and the statuses that each may answer with."""
    document = httpx.get(f"{stack.url}/api/openapi.json", verify=NO_TLS).json()
    return {
        operation["operationId"]: set(operation["responses"])
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def test_every_operation_answers_as_it_is_described_and_is_seen_to_succeed(stack: Stack, tmp_path: Path) -> None:
    answers = run(stack, tmp_path, "examples,coverage,fuzzing,stateful", 4)
    described = operations(stack)
    assert answers.keys() == described.keys()
    for name, statuses in answers.items():
        successes = {status for status in statuses if status.startswith("2")}
        assert successes or name in CANNOT_SUCCEED, (name, statuses)
        assert successes <= described[name]
        assert not {status for status in statuses if status.startswith("5")}


def test_strangers_are_answered_as_it_is_described(stack: Stack, tmp_path: Path) -> None:
    answers = run(stack, tmp_path, "examples,fuzzing", 2, ANONYMOUS="1")
    described = operations(stack)
    assert answers.keys() == described.keys()
    for name, statuses in answers.items():
        if "401" in described[name] and name != "login":
            assert not {status for status in statuses if status.startswith("2")}, (name, statuses)


@pytest.mark.parametrize(
    ("name", "value"),
    [(".|e!", "x"), ("photo-bin", "#"), ("grpc-timeout", "soon"), ("grpc-encoding", "none"), ("x-a", "\xff")],
)
def test_headers_that_grpc_does_not_take_are_ignored(stack: Stack, name: str, value: str) -> None:
    headers = [(name.encode(), value.encode("latin-1"))]
    answer = httpx.get(f"{stack.url}/api/billing/pricing", headers=headers, verify=NO_TLS)
    assert answer.status_code == 200, answer.text
