"""What is told of requests to others: the host and a template of the path, never what is signed or names somebody."""

import os
import subprocess
import sys

import pytest

from services.kit.telemetry import template

SIGNATURE = "s--Abc_def-GhiJklMnoPqrStuVwxYz012345--"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://api.stripe.com/v1/checkout/sessions?limit=3", "/v1/checkout/sessions"),
        ("https://api.stripe.com/v1/payment_intents/pi_3Nabc/cancel", "/v1/payment_intents/{}/cancel"),
        ("https://api.cloudinary.com/v1_1/drape/image/upload", "/v1_1/drape/image/upload"),
        ("https://api.cloudinary.com/v1_1/drape/image/download?signature=abc", "/v1_1/drape/image/download"),
        (
            f"https://res.cloudinary.com/drape/image/authenticated/{SIGNATURE}/c_limit,w_640/virtual-tryon/u/0192ab.jpg",
            "/drape/image/authenticated/{}/{}/virtual-tryon/u/{}",
        ),
        ("https://api.fashn.ai/v1/status/123a87r9-4129", "/v1/status/{}"),
        ("https://queue.fal.run/fal-ai/fashn/tryon/v1.6/requests/0f3b", "/fal-ai/fashn/tryon/v1.6/requests/{}"),
        ("https://europe-west1-x.googleapis.com/v1/projects/p-1/models/vto-001:predict", "/v1/projects/{}/models/{}"),
        ("https://ann:secret@example.com/Ann@example.com/", "/{}/"),
        ("https://example.com", ""),
    ],
)  # fmt: skip
def test_a_paths_template_keeps_words_and_versions_alone(url: str, told: str) -> None:
    assert template(url) == told


# In a process of its own: this one may have the SDK for other tests.
_WITHOUT_ENDPOINT = """
import sys
from services.kit import database, server, telemetry, tracing
telemetry.start_exporting("anything")
with telemetry.request("GET", "https://example.com/") as answered, telemetry.span("name") as span:
    answered(200)
    assert not span.is_recording()
assert not telemetry.exporting()
assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")], "what is off takes no memory"
"""


def test_without_an_endpoint_nothing_is_told_and_no_sdk_is_loaded() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    subprocess.run([sys.executable, "-c", _WITHOUT_ENDPOINT], check=True, env=environment)
