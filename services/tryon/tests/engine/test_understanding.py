"""Pose, parsing and the body's shape, on the astronaut; necklines and windows, on drawings."""

import cv2
import numpy as np
import pytest

from sandbox.drawings import Colour, tshirt
from services.tryon.engines.local.arrays import Image, resize_image
from services.tryon.engines.local.cutout import cut_out
from services.tryon.engines.local.engine import Scene
from services.tryon.engines.local.landmarks import garment_landmarks
from services.tryon.engines.local.parse import WORK_SIDE
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.regions import Label


def test_joints_are_where_they_are_in_the_photo(scene: Scene) -> None:
    nose, left, right = (scene.pose.points[joint] for joint in (0, 12, 11))
    assert np.hypot(*(nose - [224, 122])) < 20
    assert left[0] < nose[0] < right[0]
    assert 180 < left[1] < 330
    assert scene.pose.has_face


def test_parsing_tells_suit_skin_and_sky_apart(scene: Scene) -> None:
    scale = WORK_SIDE / 512

    def most(left: int, top: int, right: int, bottom: int) -> int:
        box = scene.person.labels[int(top * scale) : int(bottom * scale), int(left * scale) : int(right * scale)]
        return int(np.bincount(box.ravel(), minlength=5).argmax())

    assert most(195, 90, 255, 165) == Label.SKIN
    assert most(150, 320, 290, 420) == Label.TOP
    assert most(320, 10, 380, 100) == Label.BACKGROUND


def test_the_torsos_sides_are_beside_the_spine(scene: Scene) -> None:
    body = scene.body
    for row in body.rows[10:40]:
        assert body.side(0, row) < body.centre(row) < body.side(1, row)


def _work_frame(file: bytes) -> Image:
    return resize_image(read_picture(file, "garment"), (480, 640))


@pytest.mark.parametrize("colour", [(24, 24, 28), (16, 20, 44), (220, 220, 216)])
def test_the_collar_of_a_garment_with_little_contrast_is_found(colour: Colour) -> None:
    second = tuple(min(255, round(part * 1.3) + 8) for part in colour)
    image = _work_frame(tshirt(colour, second=(second[0], second[1], second[2])))
    line = garment_landmarks(image, cut_out(image).mask).neckline
    lowest = float(line.points[:, 1].max()) / 640 * 1024
    assert 205 < lowest < 275  # the drawn opening ends at 240, its band at 258


def test_the_background_between_straps_is_no_cloth() -> None:
    picture = np.full((640, 480, 3), 245, np.uint8)
    cv2.rectangle(picture, (120, 260), (360, 520), (40, 200, 240), -1)
    for sign in (-1, 1):
        loop = np.array([(240 + sign * x, y) for x, y in ((105, 265), (95, 120), (85, 120), (45, 265))])
        cv2.polylines(picture, [loop], False, (40, 200, 240), 9, cv2.LINE_AA)
    mask = cut_out(picture).mask
    assert mask[400, 240]
    assert not mask[225, 240 + 80]
    assert not mask[225, 240 - 80]


def test_a_white_print_is_cloth() -> None:
    picture = np.full((640, 480, 3), 245, np.uint8)
    cv2.rectangle(picture, (110, 120), (370, 520), (40, 60, 200), -1)
    cv2.rectangle(picture, (225, 255), (257, 285), (245, 245, 245), -1)
    assert cut_out(picture).mask[270, 240]
