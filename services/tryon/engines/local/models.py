"""Loading and running the four TensorFlow Lite models (BlazePose, face mesh, selfie segmentation; Apache-2.0)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

NAMES = ("pose_detection", "pose_landmark_full", "face_landmark", "selfie_segmentation")

Tensor = npt.NDArray[np.float32]


class Models:
    """The loaded models. Not safe for use by several threads at once."""

    def __init__(self, directory: Path, threads: int = 2) -> None:
        """Load all of them from `NAME.tflite` files. Raises FileNotFoundError when one is missing."""
        missing = [name for name in NAMES if not (directory / f"{name}.tflite").is_file()]
        if missing:
            raise FileNotFoundError(
                f"The try-on models {', '.join(missing)} are not in {directory}. "
                f"Fetch them with: python scripts/fetch_models.py {directory}"
            )
        self._interpreters = {name: _load(directory / f"{name}.tflite", threads) for name in NAMES}

    def run(self, name: str, picture: Tensor) -> list[Tensor]:
        """Outputs of a model in its own order, for one picture (height, width, 3) scaled as the model wants it."""
        interpreter = self._interpreters[name]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None].astype(np.float32))
        interpreter.invoke()
        return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def _load(path: Path, threads: int) -> Interpreter:
    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter
