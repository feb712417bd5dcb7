"""Where the body is: BlazePose detection and landmarks, and the face mesh.

Decoding follows MediaPipe's graphs (pose_detection, pose_landmark, face_landmark) and the papers: Bazarevsky et al.,
BlazePose (2020); Kartynnik et al., Real-time Facial Surface Geometry (2019).
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import Image, Plane, Points, Vector, floats, resize_plane, size_of
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.shapes import length

# BlazePose's numbering.
NOSE, LEFT_EYE, RIGHT_EYE, MOUTH_LEFT, MOUTH_RIGHT = 0, 2, 5, 9, 10
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 11, 12, 23, 24
LEFT_KNEE, RIGHT_KNEE = 25, 26

# The face mesh's numbering: outline, chin, top of the forehead, outer corners of the eyes.
FACE_OUTLINE = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
CHIN, FOREHEAD, EYE_RIGHT_CORNER, EYE_LEFT_CORNER = 152, 10, 33, 263

_DETECTOR_SIDE, _LANDMARK_SIDE, _FACE_SIDE, _SELFIE_SIDE = 224, 256, 192, 256
_ROI_MARGIN = 1.25


@dataclass(frozen=True)
class Detection:
    """A person found in the whole picture."""

    score: float
    box: tuple[float, float, float, float]  # left, top, right, bottom of the face
    centre: Vector  # between the hips
    top: Vector  # a point such that the circle around the centre through it holds the person

    @property
    def radius(self) -> float:
        """Radius of the circle that holds the person, in pixels."""
        return length(self.top - self.centre)


@dataclass(frozen=True)
class Pose:
    """A person's landmarks in pixels of the picture."""

    points: Points  # (39, 2): 33 landmarks and 6 auxiliary ones
    depth: Vector  # (39,) pixels, smaller is nearer
    visibility: Vector  # (39,) 0..1
    score: float  # that there is a person, 0..1
    silhouette: Plane  # 0..1, same size as the picture
    face: Points  # (468, 2)
    face_score: float  # that there is a face, 0..1
    detections: tuple[Detection, ...]  # this person's, then those of other people

    @property
    def has_face(self) -> bool:
        """Whether the face mesh can be trusted."""
        return self.face_score > 0.5


def _sigmoid(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return floats(1 / (1 + np.exp(-np.clip(values, -80, 80))))


def _anchors() -> Points:
    centres = []
    for stride, per_cell in ((8, 2), (16, 2), (32, 6)):
        cells = _DETECTOR_SIDE // stride
        grid = (np.arange(cells) + 0.5) / cells
        across, down = np.meshgrid(grid, grid)
        centres.append(np.repeat(np.stack([across.ravel(), down.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(centres)


_ANCHORS = _anchors()


def _letterbox(rgb: Image) -> tuple[Image, float, Vector]:
    """The picture in the middle of a black square, its scale, and its offset in there."""
    width, height = size_of(rgb)
    scale = _DETECTOR_SIDE / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (_DETECTOR_SIDE - inner[0]) // 2, (_DETECTOR_SIDE - inner[1]) // 2
    square = np.zeros((_DETECTOR_SIDE, _DETECTOR_SIDE, 3), np.uint8)
    small = cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA)
    square[top : top + inner[1], left : left + inner[0]] = small
    return square, scale, np.array([left, top], np.float64)


def _overlap(one: Vector, others: Points) -> Vector:
    """Intersection over union of a box with boxes."""
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(one[2:] - one[:2])
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    result: Vector = shared / (area + areas - shared + 1e-9)
    return result


def detect(models: Models, rgb: Image, threshold: float = 0.5) -> list[Detection]:
    """All people that the detector finds, best score first (weighted non-maximum suppression)."""
    square, scale, offset = _letterbox(rgb)
    raw_boxes, raw_scores = models.run("pose_detection", floats(square / np.float32(127.5) - 1))
    scores = _sigmoid(raw_scores[0, :, 0]).astype(np.float64)
    kept = np.flatnonzero(scores > threshold)
    kept = kept[np.argsort(-scores[kept])]
    side = float(_DETECTOR_SIDE)
    raw = raw_boxes[0, kept].astype(np.float64) / side
    centres, halves = raw[:, :2] + _ANCHORS[kept], raw[:, 2:4] / 2
    boxes = (np.concatenate([centres - halves, centres + halves], axis=1) * side - np.tile(offset, 2)) / scale
    keypoints = ((raw[:, 4:].reshape(-1, 4, 2) + _ANCHORS[kept][:, None]) * side - offset) / scale
    people: list[Detection] = []
    left = np.arange(len(kept))
    while len(left):
        group = left[_overlap(boxes[left[0]], boxes[left]) > 0.3]
        weight = scores[kept[group]] / scores[kept[group]].sum()
        centre, top = np.tensordot(weight, keypoints[group], axes=1)[:2]
        box = boxes[left[0]]
        people.append(Detection(float(scores[kept[left[0]]]), (box[0], box[1], box[2], box[3]), centre, top))
        left = left[~np.isin(left, group)]
    return people


@dataclass(frozen=True)
class _Region:
    """A turned square of the picture that a landmark model looks at."""

    centre: Vector
    side: float
    angle: float

    def crop(self, rgb: Image, pixels: int) -> tuple[Image, npt.NDArray[np.float64]]:
        """The square as an upright picture, and the matrix from it back to the picture."""
        scale = pixels / self.side
        cosine, sine = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        forward = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0]])
        forward[:, 2] = pixels / 2 - forward[:, :2] @ self.centre
        crop = cv2.warpAffine(rgb, forward, (pixels, pixels), flags=cv2.INTER_LINEAR)
        return crop.astype(np.uint8, copy=False), cv2.invertAffineTransform(forward).astype(np.float64)


def _body_region(centre: Vector, top: Vector) -> _Region:
    along = top - centre
    return _Region(centre, 2 * length(along) * _ROI_MARGIN, math.pi / 2 - math.atan2(-along[1], along[0]))


def _to_picture(points: npt.NDArray[np.float32], back: npt.NDArray[np.float64]) -> Points:
    result: Points = points[:, :2].astype(np.float64) @ back[:, :2].T + back[:, 2]
    return result


def _refine_with_heatmaps(points: npt.NDArray[np.float32], heatmaps: npt.NDArray[np.float32]) -> None:
    """Move each landmark to the weighted centre of its heatmap near it, as MediaPipe does."""
    cell = _LANDMARK_SIDE / heatmaps.shape[0]
    for index, (x, y) in enumerate(points[:, :2] / cell):
        if not (0 <= x < heatmaps.shape[1] and 0 <= y < heatmaps.shape[0]):
            continue
        top, left = max(0, int(y) - 3), max(0, int(x) - 3)
        window = _sigmoid(heatmaps[top : int(y) + 4, left : int(x) + 4, index])
        if window.max() < 0.5:
            continue
        rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
        points[index, 0] = (window * columns).sum() / window.sum() * cell
        points[index, 1] = (window * rows).sum() / window.sum() * cell


@dataclass(frozen=True)
class _Landmarks:
    points: Points
    depth: Vector
    visibility: Vector
    score: float
    mask: Plane
    back: npt.NDArray[np.float64]


def _landmarks(models: Models, rgb: Image, region: _Region) -> _Landmarks:
    crop, back = region.crop(rgb, _LANDMARK_SIDE)
    outputs = models.run("pose_landmark_full", floats(crop / np.float32(255)))
    raw = outputs[0].reshape(39, 5).copy()
    _refine_with_heatmaps(raw, outputs[3][0])
    return _Landmarks(
        points=_to_picture(raw, back),
        depth=(raw[:, 2] * region.side / _LANDMARK_SIDE).astype(np.float64),
        visibility=_sigmoid(raw[:, 3]).astype(np.float64),
        score=float(outputs[1][0, 0]),
        mask=_sigmoid(outputs[2][0, :, :, 0]),
        back=back,
    )


def _face_mesh(models: Models, rgb: Image, body: Points) -> tuple[Points, float]:
    """The mesh and how sure it is; the second look is at a crop made from the first."""
    eyes = (body[LEFT_EYE] + body[RIGHT_EYE]) / 2
    mouth = (body[MOUTH_LEFT] + body[MOUTH_RIGHT]) / 2
    across = body[LEFT_EYE] - body[RIGHT_EYE]
    side = max(length(across) * 3.9, length(mouth - eyes) * 3.6, 8.0)
    region = _Region(eyes * 0.55 + mouth * 0.45, side, math.atan2(across[1], across[0]))
    for _ in range(2):
        crop, back = region.crop(rgb, _FACE_SIDE)
        outputs = models.run("face_landmark", floats(crop / np.float32(255)))
        mesh = _to_picture(outputs[0].reshape(468, 3), back)
        across = mesh[EYE_LEFT_CORNER] - mesh[EYE_RIGHT_CORNER]
        low, high = mesh.min(axis=0), mesh.max(axis=0)
        region = _Region((low + high) / 2, max(8.0, float((high - low).max()) * 1.5), math.atan2(across[1], across[0]))
    return mesh, float(_sigmoid(outputs[1].reshape(-1))[0])


def _is_someone_else(models: Models, rgb: Image, person: Detection, main: Detection, found: _Landmarks) -> bool:
    """Whether a further detection is another person as large as the main one, not a second look at the same."""
    if person is main or person.radius < 0.5 * main.radius:
        return False
    other = _landmarks(models, rgb, _body_region(person.centre, person.top))
    shoulders = [LEFT_SHOULDER, RIGHT_SHOULDER]
    width = length(found.points[LEFT_SHOULDER] - found.points[RIGHT_SHOULDER])
    apart = length(other.points[shoulders].mean(axis=0) - found.points[shoulders].mean(axis=0))
    return other.score > 0.8 and apart > 0.7 * width


def find_pose(models: Models, image: Image) -> Pose | None:
    """The pose of the most prominent person, or none when the detector finds nobody."""
    rgb = np.ascontiguousarray(image[:, :, ::-1])
    people = detect(models, rgb)
    if not people:
        return None
    main = max(people, key=lambda person: person.score * person.radius)
    found = _landmarks(models, rgb, _body_region(main.centre, main.top))
    if found.score > 0.5:
        # The auxiliary landmarks 33 and 34 frame the person better than the detector does.
        again = _landmarks(models, rgb, _body_region(found.points[33], found.points[34]))
        found = again if again.score > 0.5 else found
    others = [person for person in people if _is_someone_else(models, rgb, person, main, found)]
    silhouette = cv2.warpAffine(found.mask, found.back, size_of(rgb), flags=cv2.INTER_LINEAR)
    face, face_score = _face_mesh(models, rgb, found.points)
    return Pose(
        points=found.points,
        depth=found.depth,
        visibility=found.visibility,
        score=found.score,
        silhouette=silhouette.astype(np.float32, copy=False),
        face=face,
        face_score=face_score,
        detections=(main, *others),
    )


def pose_again(models: Models, image: Image, before: Pose) -> Pose | None:
    """The pose in a changed copy of a picture, looked for where it was; none when nobody is there any more.

    The face is not looked for again.
    """
    rgb = np.ascontiguousarray(image[:, :, ::-1])
    found = _landmarks(models, rgb, _body_region(before.points[33], before.points[34]))
    if found.score <= 0.5:
        return None
    silhouette = cv2.warpAffine(found.mask, found.back, size_of(rgb), flags=cv2.INTER_LINEAR)
    return replace(
        before,
        points=found.points,
        depth=found.depth,
        visibility=found.visibility,
        score=found.score,
        silhouette=silhouette.astype(np.float32, copy=False),
    )


def selfie_mask(models: Models, image: Image) -> Plane:
    """Probability of being a person, 0..1, for each pixel (MediaPipe selfie segmentation)."""
    square = cv2.resize(image[:, :, ::-1], (_SELFIE_SIDE, _SELFIE_SIDE), interpolation=cv2.INTER_AREA)
    output = models.run("selfie_segmentation", floats(square / np.float32(255)))[0]
    return resize_plane(output[0, :, :, 0], size_of(image))
