"""What each pixel of a person is: background, skin, hair, upper garment, lower garment.

No parsing network is at hand under a usable licence. This multiplies where things are on a body of this pose (priors)
with how likely their colours are (histograms learnt from safe places of the same picture), twice, and lets the guided
filter bring the answer to the picture's edges.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Colours,
    Image,
    Mask,
    Plane,
    Vector,
    components,
    dilate,
    erode,
    lab_of,
    largest_component,
    opened,
    resize_image,
    resize_mask,
    resize_plane,
    size_of,
)
from services.tryon.engines.local.colours import ColourHistogram, SkinModel, bins_of, skin_from
from services.tryon.engines.local.filters import GuidedFilter, grab_cut
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.pose import Pose, selfie_mask
from services.tryon.engines.local.regions import CLASSES, Label, Regions, body_core, priors_of, regions_of
from services.tryon.engines.local.shapes import capsule, unit
from services.tryon.engines.local.skeleton import Skeleton, skeleton_of

WORK_SIDE = 640  # long side, in pixels, of the frame in which pictures are understood

# Parts of the face mesh that are not skin: eyes, mouth, eyebrows.
_FEATURES = (
    [33, 160, 158, 133, 153, 144],
    [362, 385, 387, 263, 373, 380],
    [61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91],
    [70, 63, 105, 66, 107, 55, 65, 52, 53, 46],
    [300, 293, 334, 296, 336, 285, 295, 282, 283, 276],
)


@dataclass(frozen=True)
class Person:
    """A picture of a person, understood, in the work frame."""

    image: Image
    scale: float  # work frame's pixels per pixel of the picture
    skeleton: Skeleton
    pose: Pose
    labels: npt.NDArray[np.uint8]
    alpha: Plane  # 0..1, the whole person
    regions: Regions
    skin: SkinModel  # of the face
    body_skin: Vector  # Lab, of neck and arms

    @property
    def inside(self) -> Mask:
        """The person's silhouette."""
        return self.alpha > 0.5

    def is_label(self, label: Label) -> Mask:
        """Where a class is."""
        found: Mask = self.labels == label
        return found


def _silhouette(models: Models, image: Image, pose: Pose, skeleton: Skeleton) -> Plane:
    """The person's matte: two networks' masks, GrabCut in the doubtful rim, guided filter."""
    from_pose = resize_plane(pose.silhouette, size_of(image))
    near_pose = dilate(from_pose > 0.2, 20)
    likely = np.maximum(from_pose, selfie_mask(models, image) * near_pose)
    half = (image.shape[1] * 2 // 3, image.shape[0] * 2 // 3)
    small, likely_small = resize_image(image, half), resize_plane(likely, half)
    core = resize_mask(body_core(skeleton), half)
    sure, possible = erode(likely_small > 0.8, 3) & core, dilate(likely_small > 0.3, 5)
    mask = sure | (possible & (likely_small > 0.5))
    if sure.any() and not possible.all():
        mask = grab_cut(small, sure, likely_small > 0.5, possible)
    return GuidedFilter(image, 4, 1e-4)(largest_component(mask).astype(np.float32))


def _face_skin(skeleton: Skeleton, lab: Colours, inside: Mask) -> SkinModel:
    """The skin's colour from cheeks, nose and forehead."""
    face = skeleton.face_mask()
    cheeks = erode(face, 2)
    cheeks = cheeks if cheeks.sum() >= 60 else face
    if skeleton.has_face:
        features = np.zeros(face.shape, np.uint8)
        for numbers in _FEATURES:
            hull = cv2.convexHull(skeleton.face[numbers].astype(np.int32))
            cv2.fillConvexPoly(features, hull, 1)
        cheeks = cheeks & ~dilate(features > 0, 1)
    seen = cheeks & inside
    seen = seen if seen.sum() >= 30 else cheeks
    return skin_from(lab, seen if seen.any() else inside, (16, 4.5, 5.5))


def _seeds(skeleton: Skeleton, where: Regions, inside: Mask, likeness: Plane) -> dict[Label, Mask]:
    """Places that show a class almost surely."""
    top = skeleton.torso_mask(0.72, 0.8, 0.16, 0.62) & inside & ~dilate(where.forearms | where.hands, 1)
    clothed = top & (likeness < 0.25)
    if clothed.sum() > 0.4 * top.sum():  # otherwise the garment itself may be skin-coloured
        top = clothed
    bottom = (where.along > 1.08) & inside & ~(where.forearms | where.hands)
    covered = bottom & (likeness < 0.3)
    bottom = covered if covered.sum() > 100 else bottom
    return {Label.TOP: top, Label.BOTTOM: bottom, Label.HAIR: _hair_seed(skeleton, where, inside, likeness)}


def _hair_seed(skeleton: Skeleton, where: Regions, inside: Mask, likeness: Plane) -> Mask:
    height, top = skeleton.face_height, skeleton.forehead
    up = unit(top - skeleton.chin)
    rows = np.arange(skeleton.size[1], dtype=np.float32)[:, None] - top[1]
    columns = np.arange(skeleton.size[0], dtype=np.float32)[None] - top[0]
    above, aside = columns * up[0] + rows * up[1], np.abs(columns * up[1] - rows * up[0])
    crown = (above > height * 0.04) & (above < height * 0.6) & (aside < height * 0.6) & inside
    crown &= where.face_distance > height * 0.03
    hair = crown & (likeness < 0.35)
    bald = hair.sum() <= max(25, 0.1 * crown.sum())
    return np.zeros_like(hair) if bald else hair


class _Classifier:
    """Posterior of the classes from priors and colours, learnt and applied in two rounds."""

    def __init__(self, image: Image, skeleton: Skeleton, where: Regions, inside: Mask) -> None:
        self._lab = lab_of(image)
        self._bins = bins_of(self._lab)
        self._inside, self._where = inside, where
        self._filter = GuidedFilter(image, 5, 3e-4)
        self._priors = {label: np.log(prior) for label, prior in priors_of(skeleton, where).items()}
        self.skin = _face_skin(skeleton, self._lab, inside)
        self.body_skin = self.skin.colour
        self.likeness = self.skin.likeness(self._lab)
        self._densities: dict[Label, Plane] = {Label.SKIN: self.skin.log_density(self._lab)}
        seeds = _seeds(skeleton, where, inside, self.likeness)
        self._seen = [label for label, seed in seeds.items() if seed.sum() >= 30]
        self._learn(seeds)

    def _learn(self, examples: dict[Label, Mask]) -> None:
        for label, mask in examples.items():
            if label in self._seen and mask.sum() >= 30:
                self._densities[label] = ColourHistogram(self._bins[mask])(self._bins)

    def _posterior(self) -> npt.NDArray[np.float32]:
        """Probabilities (4, height, width) of skin, hair, top and bottom."""
        absent = np.full(self._inside.shape, -40, np.float32)
        scores = np.stack(
            [np.clip(self._densities.get(label, absent), -22, 0) * 0.55 + self._priors[label] for label in CLASSES]
        )
        likely = np.exp(scores - scores.max(axis=0))
        likely /= likely.sum(axis=0)
        smooth = np.stack([self._filter(plane) for plane in likely])
        result: npt.NDArray[np.float32] = smooth / (smooth.sum(axis=0) + 1e-6)
        return result

    def _learn_again(self, posterior: npt.NDArray[np.float32]) -> None:
        best = posterior.argmax(axis=0)
        sure = {label: (best == index) & (posterior[index] > 0.8) & self._inside for index, label in enumerate(CLASSES)}
        self._learn({label: mask for label, mask in sure.items() if label is not Label.SKIN and mask.sum() > 80})
        body = sure[Label.SKIN] & (self._where.arms | self._where.neck) & (self.likeness > 0.1)
        if body.sum() > 60:
            model = skin_from(self._lab, body, (14, 4, 5))
            self.body_skin = model.colour
            both = np.maximum(self._densities[Label.SKIN], model.log_density(self._lab) - 0.3)
            self._densities[Label.SKIN] = both

    def labels(self) -> npt.NDArray[np.uint8]:
        """The class of each pixel."""
        self._learn_again(self._posterior())
        best = np.array(CLASSES, np.uint8)[self._posterior().argmax(axis=0)]
        return np.where(self._inside, best, np.uint8(Label.BACKGROUND)).astype(np.uint8)


def _below_hem(labels: npt.NDArray[np.uint8], skeleton: Skeleton, where: Regions) -> Mask:
    """What was taken for the top though it lies lower than the top reaches in the middle of the body."""
    columns = np.arange(skeleton.size[0], dtype=np.float32)[None]
    axis = skeleton.neck[0] + where.along * (skeleton.hips - skeleton.neck)[0]
    middle = np.abs(columns - axis) < 0.33 * skeleton.shoulder_width
    steps = np.clip((where.along[middle] * 50).astype(np.intp), 0, 99)
    filled = np.bincount(steps, labels[middle] == Label.TOP, 100) / np.maximum(1, np.bincount(steps, minlength=100))
    covered = np.flatnonzero(filled > 0.35)
    if len(covered) == 0:
        return np.zeros(labels.shape, np.bool_)
    sleeves = where.arms.copy()
    for limb in skeleton.limbs:
        forearm = capsule(skeleton.size, limb.elbow, limb.wrist, 0.05 * skeleton.unit)
        if (labels[forearm] == Label.SKIN).sum() > 0.5 * forearm.sum():
            sleeves &= ~capsule(skeleton.size, limb.elbow, limb.fingertip, 0.3 * skeleton.unit)
    low: Mask = (labels == Label.TOP) & (where.along > covered[-1] / 50 + 0.07) & ~sleeves
    return low


def _tidy(labels: npt.NDArray[np.uint8], skeleton: Skeleton, where: Regions, likeness: Plane) -> npt.NDArray[np.uint8]:
    """Give specks back to what surrounds them: tops that hang nowhere, hair that touches no head."""
    labels = labels.copy()
    labels[_below_hem(labels, skeleton, where)] = Label.BOTTOM
    numbers, stats = components(opened(labels == Label.TOP, 1))
    if len(stats) > 1:
        areas = stats[1:, cv2.CC_STAT_AREA]
        large = np.flatnonzero(areas > max(60, 0.03 * areas.max())) + 1
        labels[(labels == Label.TOP) & ~np.isin(numbers, large)] = Label.SKIN
    numbers, stats = components(labels == Label.HAIR)
    touching = np.unique(numbers[dilate(where.face, 7)])
    for number in set(range(1, len(stats))) - set(touching.tolist()):
        stray = numbers == number
        if np.flatnonzero(stray.any(axis=1)).mean() > skeleton.chin[1]:  # higher up it is a lock of hair
            labels[stray] = Label.TOP if likeness[stray].mean() < 0.3 else Label.SKIN
    return labels


def labels_again(models: Models, picture: Image, pose: Pose, long_side: int) -> npt.NDArray[np.uint8]:
    """The class of each pixel once more and quickly, in a frame whose long side is `long_side` pixels.

    For a picture whose person is known well: the networks' masks are taken as they are.
    """
    scale = long_side / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    image = resize_image(picture, size)
    skeleton = skeleton_of(pose, scale, size)
    from_pose = resize_plane(pose.silhouette, size)
    likely = np.maximum(from_pose, selfie_mask(models, image) * dilate(from_pose > 0.2, 20 * long_side / WORK_SIDE))
    where = regions_of(skeleton, skeleton.face_mask())
    classifier = _Classifier(image, skeleton, where, largest_component(likely > 0.5))
    return _tidy(classifier.labels(), skeleton, where, classifier.likeness)


def understand(models: Models, picture: Image, pose: Pose, pause: Callable[[], None] = lambda: None) -> Person:
    """Segment the person with this pose. The result is in a frame whose long side is `WORK_SIDE` pixels.

    `pause` is called between the parts of the work; what it raises ends it.
    """
    scale = WORK_SIDE / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    image = resize_image(picture, size)
    skeleton = skeleton_of(pose, scale, size)
    alpha = _silhouette(models, image, pose, skeleton)
    pause()
    where = regions_of(skeleton, skeleton.face_mask())
    classifier = _Classifier(image, skeleton, where, alpha > 0.5)
    pause()
    labels = _tidy(classifier.labels(), skeleton, where, classifier.likeness)
    return Person(
        image=image,
        scale=scale,
        skeleton=skeleton,
        pose=pose,
        labels=labels,
        alpha=alpha,
        regions=where,
        skin=classifier.skin,
        body_skin=classifier.body_skin,
    )
