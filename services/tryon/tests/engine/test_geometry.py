"""The steps that can be measured: meshes, filters, landmarks of garments whose cut is known."""

import numpy as np
import pytest

from sandbox.drawings import Colour, sweater, tshirt, vest
from services.tryon.engines.local.arrays import Image, resize_image, soften
from services.tryon.engines.local.cutout import cut_out
from services.tryon.engines.local.filters import GuidedFilter, push_pull
from services.tryon.engines.local.landmarks import GarmentLandmarks, garment_landmarks
from services.tryon.engines.local.mesh import backward_map, build_mesh
from services.tryon.engines.local.pictures import read_picture

_SCALE = 640 / 1024  # work frame per drawn pixel
_AXIS = 384 * _SCALE


def _work_frame(file: bytes) -> Image:
    return resize_image(read_picture(file, "garment"), (480, 640))


def _landmarks(file: bytes) -> GarmentLandmarks:
    image = _work_frame(file)
    return garment_landmarks(image, cut_out(image).mask)


def test_a_known_turn_is_recovered_from_handles_on_the_outline() -> None:
    cloth = np.zeros((240, 240), np.bool_)
    cloth[40:200, 60:180] = True
    mesh = build_mesh([cloth])
    angle, shift = np.radians(20), np.array([90.0, 15.0])
    turn = 1.1 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for share in np.linspace(0, 1, 9):
        for point in ((60, 40 + 160 * share), (180, 40 + 160 * share), (60 + 120 * share, 40), (60 + 120 * share, 200)):
            mesh.pull(0, np.array(point), turn @ np.array(point) + shift, 1.0)
    places = mesh.bend(np.array([1.0, 1.0]), [])
    across, down = backward_map(mesh, places, 0, (320, 360))
    rows, columns = np.mgrid[50:190:10, 70:170:10]
    sources = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
    targets = np.round(sources @ turn.T + shift).astype(int)
    found = np.stack([across[targets[:, 1], targets[:, 0]], down[targets[:, 1], targets[:, 0]]], axis=1)
    assert np.hypot(*(found - sources).T).max() < 2


def test_sewn_parts_stay_together() -> None:
    left, right = np.zeros((120, 240), np.bool_), np.zeros((120, 240), np.bool_)
    left[12:108, 12:120], right[12:108, 120:228] = True, True
    mesh = build_mesh([left, right])
    shared = [(number, mesh.numbers[1][place]) for place, number in mesh.numbers[0].items() if place in mesh.numbers[1]]
    mesh.pull(0, np.array([12.0, 12.0]), np.array([12.0, 12.0]))
    mesh.pull(0, np.array([12.0, 107.0]), np.array([12.0, 107.0]))
    mesh.pull(1, np.array([227.0, 60.0]), np.array([227.0, 90.0]))
    places = mesh.bend(np.array([1.0, 1.0]), shared)
    gaps = [np.hypot(*(places[one] - places[other])) for one, other in shared]
    assert max(gaps) < 1


def test_push_pull_keeps_what_is_known_and_fills_between() -> None:
    colours = np.zeros((64, 64, 3), np.float32)
    colours[:, :20], colours[:, 44:] = 50, 150
    known = np.zeros((64, 64), np.float32)
    known[:, :20], known[:, 44:] = 1, 1
    filled = push_pull(colours, known)
    assert np.abs(filled[known > 0] - colours[known > 0]).max() < 1e-3
    assert 65 < filled[32, 32, 0] < 135


@pytest.mark.parametrize("subsampling", [1, 2])
def test_the_guided_filter_brings_a_matte_to_the_edge(subsampling: int) -> None:
    guide = np.full((80, 80, 3), 40, np.uint8)
    guide[:, 40:] = 210
    rough = np.zeros((80, 80), np.float32)
    rough[:, 44:] = 1
    matte = GuidedFilter(guide, 8, 1e-4, subsampling)(rough)
    assert matte[40, 30] < 0.1
    assert matte[40, 41] - matte[40, 38] > 0.3  # an edge where the picture has one and the rough matte had none


@pytest.mark.parametrize("file", [tshirt(), tshirt((40, 40, 44), "checks"), sweater(pattern="stripes")])
def test_a_sleeved_garments_landmarks_are_where_they_were_drawn(file: bytes) -> None:
    found = _landmarks(file)
    assert found.axis == pytest.approx(_AXIS, abs=3)
    for side in found.sides:
        assert side.sleeve is not None
        assert side.armpit[0] == pytest.approx(_AXIS + side.sign * 203 * _SCALE, abs=8)
        assert side.armpit[1] == pytest.approx(402 * _SCALE, abs=12)
        assert side.hem[1] == pytest.approx(864 * _SCALE, abs=8)
        assert side.collar[1] == pytest.approx(178 * _SCALE, abs=6)


def test_long_and_short_sleeves_are_told_apart() -> None:
    short, long = (_landmarks(file).sides[0].sleeve for file in (tshirt(), sweater()))
    assert short is not None
    assert long is not None
    assert long.outer_length > 2 * short.outer_length


def test_a_vest_has_no_sleeves() -> None:
    assert all(side.sleeve is None for side in _landmarks(vest()).sides)


def test_the_front_neckline_is_found_below_the_inner_back() -> None:
    line = _landmarks(tshirt((200, 60, 60))).neckline
    assert line.kind == "edge"
    lowest = float(line.points[:, 1].max()) / _SCALE
    assert 225 < lowest < 270


def test_a_white_garment_on_white_is_cut_out_whole() -> None:
    mask = cut_out(_work_frame(tshirt((238, 238, 238)))).mask
    reference = cut_out(_work_frame(tshirt((30, 60, 120)))).mask
    assert (mask & reference).sum() / (mask | reference).sum() > 0.95


@pytest.mark.parametrize("colour", [(30, 60, 120), (24, 24, 26), (110, 70, 45), (130, 130, 130)])
def test_a_garments_shadow_on_the_background_is_no_garment(colour: Colour) -> None:
    image = _work_frame(tshirt(colour))
    mask = cut_out(image).mask
    fallen = np.roll(soften(mask, 5.0), (9, 4), axis=(0, 1)) * ~mask
    shaded = np.clip(image * (1 - 0.45 * fallen[..., None]), 0, 255).astype(np.uint8)
    found = cut_out(shaded).mask
    assert (found & mask).sum() / (found | mask).sum() > 0.97
