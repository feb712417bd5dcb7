"""What lies open keeps what is worn under it; what only looks split is no jacket."""

import numpy as np

from sandbox.drawings import jacket, sweater, trousers
from services.tryon.engines.local.arrays import resize_image
from services.tryon.engines.local.cutout import cut_out
from services.tryon.engines.local.engine import LocalEngine, Options
from services.tryon.engines.local.fronts import open_front
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.silhouette import mirror_axis
from services.tryon.tests.engine.conftest import Image, decoded

COLOUR = (62, 74, 160)


def _front_area(file: bytes) -> float:
    mask = cut_out(resize_image(read_picture(file, "garment"), (480, 640))).mask
    return float(open_front(mask, mirror_axis(mask)).sum() / mask.sum())


def test_the_gap_between_two_fronts_is_found() -> None:
    assert 0.1 < _front_area(jacket()) < 0.4
    assert _front_area(sweater()) == 0


def test_an_open_jacket_shows_what_is_worn_under_it(engine: LocalEngine, person: bytes, astronaut: Image) -> None:
    picture = engine.generate(person, jacket(COLOUR), Options(output_format="png"))
    before, after = astronaut.astype(np.int16), decoded(picture.data).astype(np.int16)
    chest = slice(330, 400)
    same = (np.abs(after - before).max(axis=2) < 12)[chest]
    cloth = (np.abs(after - COLOUR).max(axis=2) < 45)[chest]
    kept = np.flatnonzero(same.mean(axis=0)[130:310] > 0.9) + 130
    assert len(kept) >= 20
    assert np.ptp(kept) < 90  # one band, not the whole chest
    assert cloth[:, kept[0] - 50 : kept[0] - 10].mean() > 0.5
    assert cloth[:, kept[-1] + 10 : kept[-1] + 40].mean() > 0.5
    assert picture.score > 0.5


def test_trousers_are_no_jacket(engine: LocalEngine, person: bytes) -> None:
    # The astronaut's legs are outside the picture, which matters to trousers alone.
    assert [problem.reason for problem in engine.check(person, trousers())] == ["LOWER_BODY_CROPPED"]
