"""What can be wrong with the pictures given, and how an attempt can end."""

from typing import Literal

Which = Literal["person", "garment"]
RelativeBox = tuple[float, float, float, float]  # left, top, right, bottom, 0..1


class InputProblem(Exception):
    """A picture cannot be used. `message` says to a person what is wrong and how to fix it."""

    def __init__(self, reason: str, message: str, which: Which, where: RelativeBox | None = None) -> None:
        """`reason` is UPPER_SNAKE; `where` is the place in the picture, if the problem has one."""
        super().__init__(reason, message, which, where)
        self.reason = reason
        self.message = message
        self.which: Which = which
        self.where = where

    def __str__(self) -> str:
        """Reason and message."""
        return f"{self.reason} ({self.which}): {self.message}"


class ResultNotGoodEnough(Exception):
    """The picture that came out is not worth showing. `score` is 0..1, `problems` say what is wrong with it."""

    def __init__(self, score: float, problems: list[str]) -> None:
        """Keep what the self-check found."""
        super().__init__(score, problems)
        self.score = score
        self.problems = problems

    def __str__(self) -> str:
        """Score and problems."""
        return f"score {self.score:.2f}: {', '.join(self.problems)}"


class Canceled(Exception):
    """Raised by a progress callback to end the work."""
