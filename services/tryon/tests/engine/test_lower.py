"""Trousers, shorts, skirts, dresses and jumpsuits, on a drawn person whose every measure is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import dress, jumpsuit, shorts, skirt, sweater, trousers, tshirt, vest
from services.tryon.engines.local.arrays import resize_image
from services.tryon.engines.local.body import body_of
from services.tryon.engines.local.cutout import cut_out
from services.tryon.engines.local.engine import (
    Canceled,
    InputProblem,
    LocalEngine,
    Options,
    ResultNotGoodEnough,
)
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.kinds import Cut, cut_of
from services.tryon.engines.local.lower_body import lower_body_of
from services.tryon.engines.local.lower_check import LOWER_LIMITS, judge_one_piece
from services.tryon.engines.local.lower_garment import landmarks_of, without_gap
from services.tryon.engines.local.mesh import backward_map, build_mesh
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.one_piece import OnePiece
from services.tryon.engines.local.outfit import read_outfit
from services.tryon.engines.local.parse import understand
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.pose import Pose, find_pose
from services.tryon.engines.local.refuse import lower_body_problems, wearer_problems
from services.tryon.engines.local.verdict import verdict_of
from services.tryon.tests.engine.conftest import Image, decoded, encoded
from services.tryon.tests.engine.test_result import psnr

_SCALE = 640 / 1024  # work frame per drawn pixel of a garment
_AXIS = 384 * _SCALE
GREEN, BRICK = (30, 110, 70), (150, 60, 40)

# Places on the mannequin: left, top, right, bottom.
FACE, CHEST, SHOE = (340, 120, 428, 230), (330, 330, 438, 470), (306, 1140, 350, 1180)
SEAT, THIGH, SHIN, BESIDE, BETWEEN_SHINS = (
    (340, 590, 430, 630),
    (310, 720, 350, 800),
    (322, 960, 346, 1060),
    (20, 400, 180, 1200),
    (372, 1000, 396, 1060),
)


def _part(picture: Image, box: tuple[int, int, int, int]) -> Image:
    left, top, right, bottom = box
    return picture[top:bottom, left:right]


def _colour(picture: Image, box: tuple[int, int, int, int]) -> Image:
    middle: Image = np.median(_part(picture, box).reshape(-1, 3), axis=0)
    return middle


def _is_near(one: Image, other: Image | tuple[int, int, int], limit: float = 34) -> bool:
    return bool(np.abs(np.asarray(one, np.float64) - other).max() < limit)


@pytest.fixture(scope="session")
def standing() -> Image:
    """The mannequin in trousers."""
    return mannequin.person()


Wear = Callable[..., Image]


@pytest.fixture(scope="session")
def wear(engine: LocalEngine, standing: Image) -> Wear:
    """Dresses the mannequin; the same garment is put on once only."""
    known: dict[bytes, Image] = {}

    def put_on(garment: bytes) -> Image:
        if garment not in known:
            picture = engine.generate(encoded(standing), garment, Options(output_format="png"))
            assert picture.score >= 0.5
            known[garment] = decoded(picture.data)
        return known[garment]

    return put_on


@pytest.fixture(scope="session")
def pose(model_dir: object, standing: Image) -> Pose:
    """Where the mannequin's joints were found."""
    found = find_pose(Models(model_dir), np.ascontiguousarray(standing[:, :, ::-1]))  # type: ignore[arg-type]
    assert found is not None
    return found


def _mask(file: bytes) -> np.ndarray:
    image = resize_image(read_picture(file, "garment"), (480, 640))
    return without_gap(image, cut_out(image).mask)


@pytest.mark.parametrize(
    ("file", "cut"),
    [
        (trousers(), Cut.TROUSERS),
        (shorts(pattern="checks"), Cut.TROUSERS),
        (skirt(), Cut.SKIRT),
        (jumpsuit(), Cut.JUMPSUIT),
        (tshirt(), None),
        (sweater(), None),
        (vest(), None),
        (dress(), None),
    ],
)
def test_an_outline_tells_what_covers_legs(file: bytes, cut: Cut | None) -> None:
    assert cut_of(_mask(file)) is cut


@pytest.mark.parametrize(
    ("file", "waist", "crotch", "hem"),
    [(trousers(), (118, 92), 350, (152, 950)), (shorts(), (196, 264), 596, (250, 740))],
)
def test_waist_crotch_and_hems_are_where_they_were_drawn(
    file: bytes, waist: tuple[int, int], crotch: int, hem: tuple[int, int]
) -> None:
    marks = landmarks_of(_mask(file))
    assert marks.crotch is not None
    assert marks.crotch == pytest.approx([_AXIS, crotch * _SCALE], abs=6)
    for sign, corner, hems in zip((-1, 1), marks.waist, marks.hems, strict=True):
        assert corner == pytest.approx([_AXIS + sign * waist[0] * _SCALE, waist[1] * _SCALE], abs=4)
        assert hems[0] == pytest.approx([_AXIS + sign * hem[0] * _SCALE, hem[1] * _SCALE], abs=5)


def test_two_legs_sewn_together_follow_a_known_turn() -> None:
    left, right = np.zeros((240, 240), np.bool_), np.zeros((240, 240), np.bool_)
    left[24:216, 60:120], right[24:216, 120:180] = True, True
    left[110:, 108:], right[110:, :132] = False, False
    mesh = build_mesh([left, right])
    seam = [
        (number, mesh.numbers[1][place])
        for place, number in mesh.numbers[0].items()
        if place in mesh.numbers[1] and place[0] * mesh.step < 110
    ]
    angle, shift = np.radians(-12), np.array([40.0, 70.0])
    turn = 1.15 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for share in np.linspace(0, 1, 9):
        row = 24 + 191 * share
        for part, columns in ((0, (60, 107)), (1, (132, 179))):
            for column in columns:
                mesh.pull(part, np.array([column, row]), turn @ np.array([column, row]) + shift)
    places = mesh.bend(np.array([1.0, 1.0]), seam)
    for part, columns in ((0, (70, 100)), (1, (140, 170))):
        across, down = backward_map(mesh, places, part, (420, 420))
        sources = np.array([(column, row) for column in columns for row in range(40, 200, 20)], np.float64)
        targets = np.round(sources @ turn.T + shift).astype(int)
        found = np.stack([across[targets[:, 1], targets[:, 0]], down[targets[:, 1], targets[:, 0]]], axis=1)
        assert np.hypot(*(found - sources).T).max() < 2


def test_the_mannequins_waist_crotch_and_legs_are_where_they_were_drawn(
    model_dir: object, standing: Image, pose: Pose
) -> None:
    picture = np.ascontiguousarray(standing[:, :, ::-1])
    person = understand(Models(model_dir), picture, pose)  # type: ignore[arg-type]
    lower = lower_body_of(person, body_of(person))
    scale, axis = person.scale, person.scale * mannequin.WIDTH / 2
    assert lower.waist == pytest.approx(mannequin.WAIST * scale, abs=12)
    assert lower.crotch == pytest.approx(mannequin.CROTCH * scale, abs=16)
    assert lower.tucked
    for leg in lower.legs:
        for found, drawn in zip(leg.line[1:], (mannequin.KNEE, mannequin.ANKLE), strict=True):
            assert found == pytest.approx([axis + leg.sign * drawn[0] * scale, drawn[1] * scale], abs=14)
    assert not lower.shoes[: int(mannequin.ANKLE[1] * scale) - 20].any()


@pytest.mark.parametrize("garment", [trousers(GREEN), shorts(BRICK), skirt(GREEN)])
def test_face_top_shoes_and_background_stay_as_they_were(wear: Wear, standing: Image, garment: bytes) -> None:
    after = wear(garment)
    assert after.shape == standing.shape
    for box, limit in ((FACE, 45), (CHEST, 45), (SHOE, 38), (BESIDE, 45)):
        assert psnr(_part(standing, box), _part(after, box)) > limit


def test_trousers_take_the_place_of_trousers(wear: Wear, standing: Image) -> None:
    after = wear(trousers(GREEN))
    for box in (SEAT, THIGH, SHIN):
        assert _is_near(_colour(after, box), GREEN)
        assert not _is_near(_colour(standing, box), GREEN)
    assert _is_near(_colour(after, BETWEEN_SHINS), _colour(standing, BETWEEN_SHINS), 12)


def test_shorts_bare_legs_of_the_persons_own_skin(wear: Wear, standing: Image) -> None:
    after = wear(shorts(BRICK))
    arm = _colour(standing, (244, 480, 264, 560))
    assert _is_near(_colour(after, SEAT), BRICK)
    assert _is_near(_colour(after, SHIN), arm)
    shin = _part(after, SHIN).astype(np.float64)
    assert shin.std(axis=(0, 1)).max() > 2  # lit and grained, not one flat colour
    assert _is_near(_colour(after, BETWEEN_SHINS), _colour(standing, BETWEEN_SHINS), 12)


def _edges(picture: Image, row: int) -> tuple[int, int]:
    """First and last column of the left leg in a row, before a plain background."""
    background = picture[row, 20].astype(np.int16)
    leg = np.flatnonzero(np.abs(picture[row, :384].astype(np.int16) - background).max(axis=1) > 40)
    return int(leg[0]), int(leg[-1])


def test_painted_legs_meet_the_real_ones_below_an_old_hem(engine: LocalEngine, model_dir: object) -> None:
    before = mannequin.person(long_trousers=False)
    scaled = skirt(GREEN)
    old = decoded(engine.generate(encoded(before), scaled, Options(output_format="png")).data)  # legs bare below it
    after = decoded(engine.generate(encoded(old), shorts(BRICK), Options(output_format="png")).data)
    hem = next(row for row in range(700, 1100) if not _is_near(old[row, 330], GREEN, 40))
    assert _is_near(_colour(after, (316, hem - 40, 340, hem - 25)), _colour(after, (316, hem + 25, 340, hem + 40)), 18)
    for upper, lower in zip(_edges(after, hem - 16), _edges(after, hem + 16), strict=True):
        assert abs(upper - lower) < 9


def test_a_step_in_a_leg_is_not_delivered() -> None:
    good = dict.fromkeys(("joints", "kept", "background", "colours", "holes", "torn", "left over", "pieces"), 0.0)
    good |= {"skin": 0.0, "busy": 0.0, "feet": 0.0, "step": 0.05, "turned": 1.0, "reparse": 1.0, "cut": 0.0}
    good |= {"ragged": 0.0, "nibbled": 0.0, "soft": 1.0}
    assert verdict_of(good, LOWER_LIMITS).score > 0.9
    assert verdict_of(good | {"step": 0.2}, LOWER_LIMITS).score < 0.5


@pytest.mark.parametrize(("garment", "is_dress"), [(dress(pattern="stripes"), True), (skirt(GREEN), False)])
def test_a_dress_that_somebody_wears_is_told_from_a_top_by_how_it_goes_on_below_the_waist(
    model_dir: object, wear: Wear, garment: bytes, is_dress: bool
) -> None:
    worn = np.ascontiguousarray(wear(garment)[:, :, ::-1])
    models = Models(model_dir)  # type: ignore[arg-type]
    outfit = read_outfit(models, worn, find_pose(models, worn), "auto", 640)
    assert isinstance(outfit, OnePiece if is_dress else Garment)


def test_a_skirt_hangs_over_both_legs(wear: Wear, standing: Image) -> None:
    after = wear(skirt(GREEN))
    for box in (SEAT, THIGH, (372, 740, 396, 800)):
        assert _is_near(_colour(after, box), GREEN)
    assert _is_near(_colour(after, BETWEEN_SHINS), _colour(standing, BETWEEN_SHINS), 12)


@pytest.mark.parametrize(
    ("garment", "colour"), [(dress((40, 70, 130)), (40, 70, 130)), (jumpsuit((40, 84, 80)), (40, 84, 80))]
)
def test_a_one_piece_covers_chest_and_hips(
    wear: Wear, standing: Image, garment: bytes, colour: tuple[int, int, int]
) -> None:
    after = wear(garment)
    for box in (CHEST, SEAT, THIGH):
        assert _is_near(_colour(after, box), colour)
    assert psnr(_part(standing, FACE), _part(after, FACE)) > 38
    assert psnr(_part(standing, BESIDE), _part(after, BESIDE)) > 45
    assert _is_near(_colour(after, BETWEEN_SHINS), _colour(standing, BETWEEN_SHINS), 12)


def test_trousers_that_somebody_wears_are_put_on_when_they_are_asked_for(engine: LocalEngine, standing: Image) -> None:
    other = encoded(mannequin.person((40, 40, 46), BRICK))
    after = decoded(engine.generate(encoded(standing), other, Options(category="bottoms", output_format="png")).data)
    assert _is_near(_colour(after, THIGH), BRICK)
    assert psnr(_part(standing, CHEST), _part(after, CHEST)) > 45


def test_legs_may_be_cut_off_below_the_middle_of_the_thighs(engine: LocalEngine, standing: Image) -> None:
    cropped = standing[:800]
    after = decoded(engine.generate(encoded(cropped), trousers(GREEN), Options(output_format="png")).data)
    assert after.shape == cropped.shape
    assert _is_near(_colour(after, THIGH), GREEN)


def _refusal(engine: LocalEngine, person: bytes, garment: bytes, **options: object) -> InputProblem:
    with pytest.raises(InputProblem) as caught:
        engine.generate(person, garment, Options(**options))  # type: ignore[arg-type]
    assert caught.value.message.endswith(".")
    return caught.value


@pytest.mark.parametrize(
    ("garment", "asked"),
    [
        (trousers(), "tops"),
        (trousers(), "onePieces"),
        (tshirt(), "bottoms"),
        (dress(), "tops"),
        (dress(), "bottoms"),
        (jumpsuit(), "bottoms"),
    ],
)
def test_a_category_that_contradicts_the_garment(
    engine: LocalEngine, standing: Image, garment: bytes, asked: str
) -> None:
    problem = _refusal(engine, encoded(standing), garment, category=asked)
    assert (problem.reason, problem.which) == ("CATEGORY_MISMATCH", "garment")


def test_a_person_without_legs_in_the_photo(engine: LocalEngine, standing: Image) -> None:
    problem = _refusal(engine, encoded(standing[:680]), trousers())
    assert (problem.reason, problem.which) == ("LOWER_BODY_CROPPED", "person")
    assert problem.where is not None
    assert problem.where[3] == 1


def test_a_garment_that_its_picture_cuts_off(engine: LocalEngine, standing: Image) -> None:
    problem = _refusal(engine, encoded(standing), encoded(standing[:900]), category="bottoms")
    assert (problem.reason, problem.which) == ("GARMENT_CROPPED", "garment")


def test_legs_that_are_bent(pose: Pose) -> None:
    knees = pose.points.copy()
    knees[[25, 26], 1] = knees[[23, 24], 1] + 40
    found = [problem.reason for problem in lower_body_problems(replace(pose, points=knees), 768, 1280)]
    assert found == ["LEGS_BENT"]
    assert [problem.reason for problem in wearer_problems(replace(pose, points=knees), 1280)] == ["WEARER_NOT_STANDING"]
    assert list(wearer_problems(pose, 1280)) == []
    assert list(lower_body_problems(pose, 768, 1280)) == []


def test_check_looks_at_legs_only_for_what_covers_them(engine: LocalEngine, standing: Image) -> None:
    half = encoded(standing[:680])
    assert engine.check(encoded(standing), trousers()) == []
    assert engine.check(half, tshirt()) == []
    assert [problem.reason for problem in engine.check(half, dress())] == ["LOWER_BODY_CROPPED"]


def test_the_same_seed_gives_the_same_legs_and_another_one_other_grain(
    engine: LocalEngine, standing: Image, wear: Wear
) -> None:
    first = wear(shorts(BRICK))
    again, other = (
        decoded(engine.generate(encoded(standing), shorts(BRICK), Options(output_format="png", seed=seed)).data)
        for seed in (0, 7)
    )
    assert (again == first).all()
    assert not (other == first).all()
    assert psnr(other, first) > 35


def test_canceling_ends_the_work_on_legs_too(engine: LocalEngine, standing: Image) -> None:
    seen: list[float] = []

    def cancel(_step: str, share: float) -> None:
        seen.append(share)
        if share >= 0.68:
            raise Canceled

    with pytest.raises(Canceled):
        engine.generate(encoded(standing), trousers(), Options(), cancel)
    assert seen == sorted(seen)


def test_legs_before_a_busy_background_are_not_guessed_at(engine: LocalEngine) -> None:
    rows, columns = np.mgrid[0 : mannequin.HEIGHT, 0 : mannequin.WIDTH]
    plain = mannequin.person(background=(255, 0, 255))
    outside = (np.abs(plain.astype(int) - (255, 0, 255)).max(axis=2) < 60)[..., None]
    checks = np.where(((rows // 14 + columns // 14) % 2)[..., None] > 0, (240, 240, 236), (40, 80, 120))
    busy = np.where(outside, checks, plain).astype(np.uint8)
    with pytest.raises((ResultNotGoodEnough, InputProblem)):
        engine.generate(encoded(busy), shorts(BRICK), Options())


def test_much_invented_skin_on_arms_is_not_delivered() -> None:
    good = dict.fromkeys(
        ("joints", "face", "background", "colours", "holes", "torn", "left over", "pieces", "feet", "step", "buried"),
        0.0,
    )
    good |= {
        "skin": 0.0,
        "busy": 0.0,
        "buried": 0.0,
        "cut": 0.0,
        "sleeves": 0.0,
        "turned": 1.0,
        "reparse": 1.0,
        "plan": 1.0,
    }
    good |= dict.fromkeys(("ragged", "nibbled", "soft", "rests", "bitten", "handless", "flat", "uneven"), 0.0)
    assert judge_one_piece(good, {"upper skin": 0.2}).score > 0.9
    assert judge_one_piece(good, {"upper skin": 0.95}).score < 0.5
