"""Garments cut from pictures of somebody who wears them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import Colour
from services.tryon.engines.local.arrays import Image, Mask, blur, erode, lab_of, resize_mask, size_of, within
from services.tryon.engines.local.completing import completed
from services.tryon.engines.local.engine import LocalEngine, Options
from services.tryon.engines.local.garment import Garment, wearer_in
from services.tryon.engines.local.hair import hair_in_front
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.one_piece import OnePiece
from services.tryon.engines.local.outfit import read_outfit
from services.tryon.engines.local.parse import Person, understand
from services.tryon.engines.local.problems import InputProblem
from services.tryon.engines.local.warp import split
from services.tryon.engines.local.worn import worn_garment
from services.tryon.tests.engine.conftest import encoded

_HAIR = (74, 48, 30)
_TOP = (60, 120, 190)
_STRIPE = (236, 232, 226)


def _striped(rgb: Image) -> Image:
    """The drawn person's top with level stripes."""
    striped = rgb.copy()
    top = np.abs(rgb.astype(int) / rgb.max(axis=2, keepdims=True) - np.array(_TOP) / max(_TOP)).max(axis=2) < 0.12
    rows = (np.arange(len(rgb)) // 14 % 2 == 0)[:, None]
    shade = rgb[..., 2:].astype(float) / _TOP[2]
    return np.where((top & rows)[..., None], np.clip(np.array(_STRIPE) * shade, 0, 255), striped).astype(np.uint8)


def _long_hair(rgb: Image) -> tuple[Image, Mask]:
    """The drawn person with hair that falls over the left shoulder, in strands; and where it is."""
    drawn, noise, middle = rgb.copy(), np.random.default_rng(2), rgb.shape[1] / 2
    where = np.zeros(rgb.shape[:2], np.uint8)
    for side, length in ((-1, 350), (1, 250)):
        for strand in np.linspace(0, 1, 60):
            top = np.array([middle + side * (50 + 8 * strand), 150])
            low = np.array([middle + side * (44 + 48 * strand), length - 34 * abs(strand - 0.5)])
            bend = np.array([middle + side * (60 + 26 * strand), 230.0])
            t = np.linspace(0, 1, 30)[:, None]
            line = np.round((1 - t) ** 2 * top + 2 * t * (1 - t) * bend + t**2 * low).astype(np.int32)
            colour = np.clip(np.array(_HAIR) * noise.uniform(0.7, 1.25), 0, 255).tolist()
            cv2.polylines(drawn, [line], False, colour, 4, cv2.LINE_AA)
            cv2.polylines(where, [line], False, 1, 4)
    return drawn, where > 0


def _understood(models: Models, rgb: Image) -> tuple[Person, Image]:
    picture = np.ascontiguousarray(rgb[..., ::-1])
    pose = wearer_in(models, picture, "model")
    assert pose is not None
    return understand(models, picture, pose), picture


@pytest.fixture(scope="module")
def models(engine: LocalEngine) -> Models:
    return engine._loaded()


@pytest.fixture(scope="module")
def plain(models: Models) -> Garment:
    """The striped top, nothing before it."""
    return worn_garment(*_understood(models, _striped(mannequin.person(top=_TOP))), 1280)


@pytest.fixture(scope="module")
def hairy(models: Models) -> tuple[Person, Garment, Mask]:
    """The same under long hair; and where that is, in the work frame."""
    drawn, where = _long_hair(_striped(mannequin.person(top=_TOP)))
    person, picture = _understood(models, drawn)
    return person, worn_garment(person, picture, 1280), resize_mask(where, size_of(person.image))


def _like_hair(garment: Garment) -> Mask:
    hair = lab_of(np.array([[_HAIR[::-1]]], np.uint8))[0, 0]
    return within(lab_of(garment.cloth.colours), hair, (30, 12, 18)) & (garment.cloth.alpha > 0.5)


def test_hair_is_told_from_the_cloth_below_it(hairy: tuple[Person, Garment, Mask]) -> None:
    person, _, drawn = hairy
    below = drawn & (np.arange(len(drawn))[:, None] > person.skeleton.chin[1])
    found = hair_in_front(person)
    assert below.sum() > 500
    assert (found & below).sum() > 0.8 * below.sum()
    assert (found & ~cv2.dilate(drawn.astype(np.uint8), np.ones((7, 7))).astype(bool) & ~person.regions.face)[
        int(person.skeleton.chin[1]) :
    ].sum() < 0.1 * below.sum()


def test_a_garment_under_hair_has_no_hair(plain: Garment, hairy: tuple[Person, Garment, Mask]) -> None:
    under = hairy[1]
    assert _like_hair(under).sum() <= _like_hair(plain).sum() + 0.002 * (under.cloth.alpha > 0.5).sum()


def test_the_hidden_shoulder_is_completed(plain: Garment, hairy: tuple[Person, Garment, Mask]) -> None:
    person, under, drawn = hairy
    hidden = drawn & plain.mask
    assert hidden.sum() > 300
    assert (under.mask & hidden).sum() > 0.85 * hidden.sum()
    assert (under.mask & ~plain.mask).sum() < 0.05 * plain.mask.sum()
    inside = erode(hidden & under.mask, 1)
    difference = lab_of(under.image)[inside] - lab_of(plain.image)[inside]
    assert np.linalg.norm(np.median(difference, axis=0)) < 12  # its colours are the cloth's
    for one, other in zip(under.landmarks.sides, plain.landmarks.sides, strict=True):
        assert np.linalg.norm(one.collar - other.collar) < 0.12 * person.skeleton.unit
        assert (one.sleeve is None) == (other.sleeve is None)


def test_stripes_go_on_where_something_hid_them() -> None:
    rows, columns = np.mgrid[0:240, 0:240]
    stripes = np.where((rows + columns // 8) // 10 % 2 == 0, 200, 60).astype(np.uint8)
    truth = np.dstack([stripes, stripes // 2, 255 - stripes])
    hidden = np.hypot(rows - 120, columns - 90) < 26
    picture = np.where(hidden[..., None], np.array([30, 48, 74], np.uint8), truth)
    filled = completed(picture, ~hidden, hidden, 24)
    far = ~cv2.dilate(hidden.astype(np.uint8), np.ones((15, 15))).astype(bool)
    assert (filled == truth)[far].all()
    error = np.abs(filled.astype(int) - truth).max(axis=2)
    assert (error[hidden] < 40).mean() > 0.85
    assert (np.abs(filled.astype(int) - [30, 48, 74]).max(axis=2) < 25)[hidden].mean() < 0.01


def _arm_across(rgb: Image) -> Image:
    """The drawn person with a bare forearm before the belly."""
    drawn, middle = rgb.copy(), mannequin.WIDTH // 2
    for thickness, tone in ((40, (206, 162, 136)), (30, (222, 176, 148))):
        cv2.line(drawn, (middle + 118, 452), (middle - 52, 470), tone, thickness, cv2.LINE_AA)
    return drawn


def test_cloth_goes_on_behind_an_arm(models: Models, plain: Garment) -> None:
    person, picture = _understood(models, _arm_across(_striped(mannequin.person(top=_TOP))))
    under = worn_garment(person, picture, 1280)
    assert (under.mask ^ plain.mask).sum() < 0.04 * plain.mask.sum()
    trunk = erode(under.mask & plain.mask, 3)
    error = np.linalg.norm(lab_of(under.image)[trunk] - lab_of(plain.image)[trunk], axis=1)
    assert (error > 40).mean() < 0.01  # no skin, and the stripes meet


def _dungarees(shirt: Colour, cloth: Colour) -> Image:
    """The drawn person in dungarees over a shirt."""
    drawn, middle = mannequin.person(top=shirt, bottom=cloth), mannequin.WIDTH // 2
    bib = [(-50, 400), (50, 400), (64, 480), (80, 560), (-80, 560), (-64, 480)]
    cv2.fillPoly(drawn, [np.array([(middle + x, y) for x, y in bib], np.int32)], cloth)
    for sign in (-1, 1):
        cv2.line(drawn, (middle + sign * 42, 405), (middle + sign * 58, 278), cloth, 20)
    return drawn


def _belted(cloth: Colour) -> Image:
    drawn = mannequin.person(top=cloth, bottom=cloth, long_sleeves=True)
    drawn[mannequin.WAIST - 8 : mannequin.WAIST + 8, mannequin.WIDTH // 2 - 78 : mannequin.WIDTH // 2 + 78] = 60, 40, 30
    return drawn


@pytest.mark.parametrize(
    ("drawn", "one_piece"),
    [
        (mannequin.person(top=(40, 84, 80), bottom=(40, 84, 80)), True),
        (_belted((150, 40, 50)), True),
        (_dungarees((236, 232, 224), (60, 84, 130)), True),
        (mannequin.person(top=(60, 84, 130), bottom=(52, 62, 96)), False),
        (mannequin.person(top=(34, 34, 36), bottom=(40, 40, 44)), False),
    ],
    ids=["jumpsuit", "belted jumpsuit", "dungarees over a shirt", "blue on blue", "black on black"],
)
def test_what_somebody_wears_is_told_as_one_piece_or_as_a_top(models: Models, drawn: Image, one_piece: bool) -> None:
    picture = np.ascontiguousarray(drawn[..., ::-1])
    worn = read_outfit(models, picture, wearer_in(models, picture, "model"), "auto", 640)
    if one_piece:
        assert isinstance(worn, OnePiece)
        assert worn.lower is not None
        marks, scale = worn.lower.landmarks, picture.shape[0] / worn.garment.mask.shape[0]
        assert marks.crotch is not None
        assert marks.halves is not None
        assert abs(marks.crotch[1] * scale - mannequin.CROTCH) < 50
        assert all(leg.sum() > 2000 for leg in marks.halves)
    else:
        assert isinstance(worn, Garment)


def test_a_garment_that_hair_hides_is_refused(models: Models) -> None:
    drawn, middle = mannequin.person(top=_TOP), mannequin.WIDTH // 2
    noise = np.random.default_rng(2)
    for across in np.linspace(-92, 92, 90):
        if abs(across) > 24:
            top = (middle + round(np.clip(across, -56, 56)), 150 if abs(across) > 48 else 300)
            tone = np.clip(np.array(_HAIR) * noise.uniform(0.7, 1.25), 0, 255).tolist()
            cv2.line(drawn, top, (middle + round(across), 440), tone, 5, cv2.LINE_AA)
    picture = np.ascontiguousarray(drawn[..., ::-1])
    with pytest.raises(InputProblem) as refused:
        read_outfit(models, picture, wearer_in(models, picture, "model"), "tops", 640)
    assert refused.value.reason == "GARMENT_HIDDEN"


def test_a_worn_top_lies_straight_on_the_same_body(engine: LocalEngine) -> None:
    hers = _striped(mannequin.person(top=_TOP))
    result, _ = engine.attempt(
        encoded(mannequin.person(top=(150, 60, 60))), encoded(hers), Options("tops", garment_photo_type="model")
    )
    lightness = lab_of(result)[320:560, mannequin.WIDTH // 2 - 60 : mannequin.WIDTH // 2 + 60, 2]
    left, right = (
        blur(np.ascontiguousarray(lightness[:, part]), 2).mean(axis=1) for part in (slice(30), slice(-30, None))
    )
    assert np.corrcoef(left, right)[0, 1] > 0.7  # its stripes are level


def test_a_worn_sleeve_runs_on_over_the_trunk(plain: Garment) -> None:
    (_, trunk), *sleeves = split(plain)
    assert len(sleeves) == 2
    for _, sleeve in sleeves:
        assert (sleeve & trunk).sum() > 60
    laid = split(replace(plain, worn_by=None))
    assert not (laid[0][1] & laid[1][1]).any()


def test_a_worn_garments_edge_is_as_sharp_as_its_pictures(plain: Garment) -> None:
    alpha = plain.cloth.alpha
    solid = alpha > 0.5
    between, along = ((alpha > 0.1) & (alpha < 0.9)).sum(), (solid & ~erode(solid, 1)).sum()
    assert between < 1.6 * along
