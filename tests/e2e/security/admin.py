"""The admin command, run beside the stack."""

import subprocess
import sys

from sandbox.stack import ROOT, Stack


def admin(stack: Stack, *arguments: str, status: int = 0) -> str:
    """What `python -m services.auth admin …` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "services.auth", "admin", *arguments],
        cwd=ROOT,
        env=stack.environment("auth"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout
