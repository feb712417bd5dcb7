"""Array types of the engine, and OpenCV's basic operations with those types.

Conventions everywhere in this package: pictures are BGR; a point is (x, y) in pixels; a `Mask` says yes or no per
pixel, a `Plane` holds one float per pixel (0..1 when it is a matte).
"""

from typing import TypeAlias, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)

Image: TypeAlias = npt.NDArray[np.uint8]  # (height, width, 3)
Colours: TypeAlias = npt.NDArray[np.float32]  # (height, width, 3)
Plane: TypeAlias = npt.NDArray[np.float32]  # (height, width)
Mask: TypeAlias = npt.NDArray[np.bool_]  # (height, width)
Points: TypeAlias = npt.NDArray[np.float64]  # (n, 2)
Vector: TypeAlias = npt.NDArray[np.float64]  # (n,) or (2,)
Indices: TypeAlias = npt.NDArray[np.intp]
Size: TypeAlias = tuple[int, int]  # (width, height)
Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom; the last two are exclusive
Window: TypeAlias = tuple[slice, slice]  # rows and columns


def floats(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Numbers in the precision that all planes and pictures have here; copies nothing that has it."""
    return np.asarray(values, np.float32)


def size_of(picture: Image | Colours | Plane | Mask) -> Size:
    """Width and height."""
    return int(picture.shape[1]), int(picture.shape[0])


def resize_image(image: Image, size: Size) -> Image:
    """Scale a picture, averaging when it gets smaller."""
    if size == size_of(image):
        return image
    smaller = size[0] < image.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=method).astype(np.uint8, copy=False)


def resize_plane(plane: npt.NDArray[np.float32], size: Size) -> npt.NDArray[np.float32]:
    """Scale a plane (or a picture of floats), averaging when it gets smaller."""
    if size == size_of(plane):
        return plane
    method = cv2.INTER_AREA if size[0] < plane.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(plane, size, interpolation=method).astype(np.float32, copy=False)


def resize_weighted(colours: npt.NDArray[np.float32 | np.uint8], weight: Plane, size: Size) -> Colours:
    """A picture times a weight, scaled; channel by channel, so that the product is never held at full size."""
    channels = [resize_plane(floats(colours[..., channel] * weight), size) for channel in range(3)]
    return cv2.merge(channels).astype(np.float32, copy=False)


def resize_mask(mask: Mask, size: Size) -> Mask:
    """Scale a mask; a pixel is in when at least half of it is."""
    return resize_plane(mask.astype(np.float32), size) >= 0.5


def blur(plane: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """Gaussian blur. Wide ones are made on a smaller copy: they hold no detail that this would lose."""
    if sigma < 0.3:
        return plane
    shrink = int(sigma // 4)
    width, height = size_of(plane)
    if shrink < 2 or min(width, height) < 8 * shrink:
        return cv2.GaussianBlur(plane, (0, 0), sigma).astype(np.float32, copy=False)
    small = resize_plane(plane, (max(1, width // shrink), max(1, height // shrink)))
    soft = cv2.GaussianBlur(small, (0, 0), sigma / shrink).astype(np.float32, copy=False)
    return resize_plane(soft, (width, height))


def soften(mask: Mask, sigma: float) -> Plane:
    """A mask as a plane with a soft edge."""
    return blur(mask.astype(np.float32), sigma)


def smoothed(mask: Mask, sigma: float) -> Plane:
    """A mask as a matte whose outline has lost what is smaller than `sigma`, and passes from 0 to 1 in 1.5 pixels."""
    return floats(np.clip((soften(mask, sigma) - 0.5) * (1.7 * sigma) + 0.5, 0, 1))


_WIDE = 3  # pixels; from here on a distance transform is faster than a kernel, whatever the radius


def _kernel(radius: float) -> npt.NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


def _box_around(mask: Mask, margin: float) -> Window | None:
    """The part of a mask that is not empty, with a margin: all that there is to look at."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return None
    wide = int(np.ceil(margin))
    return (
        slice(max(0, int(rows[0]) - wide), int(rows[-1]) + wide + 1),
        slice(max(0, int(columns[0]) - wide), int(columns[-1]) + wide + 1),
    )


def box_of(plane: Plane | Mask, margin: float = 0) -> Window:
    """The rows and columns in which something is, with a margin; one pixel where nothing is."""
    return _box_around(plane > 0, margin) or (slice(0, 1), slice(0, 1))


def dilate(mask: Mask, radius: float) -> Mask:
    """Grow a mask by a disc."""
    if radius < 0.5:
        return mask
    if radius < _WIDE:
        return cv2.dilate(mask.astype(np.uint8), _kernel(radius)) > 0
    grown = np.zeros_like(mask)
    if (box := _box_around(mask, radius + 2)) is not None:
        grown[box] = distance_inside(~mask[box]) <= radius
    return grown


def erode(mask: Mask, radius: float) -> Mask:
    """Shrink a mask by a disc. What lies beyond the picture's border counts as inside."""
    if radius < 0.5:
        return mask
    if radius < _WIDE:
        return cv2.erode(mask.astype(np.uint8), _kernel(radius)) > 0
    shrunk = mask.copy()
    if not mask.all() and (box := _box_around(mask, 2)) is not None:
        shrunk[box] = distance_inside(mask[box]) > radius
    return shrunk


def opened(mask: Mask, radius: float) -> Mask:
    """A mask without what is thinner than the disc."""
    return dilate(erode(mask, radius), radius)


def closed(mask: Mask, radius: float) -> Mask:
    """A mask with gaps thinner than the disc filled."""
    return erode(dilate(mask, radius), radius)


def components(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Connected parts: a picture of part numbers (0 is outside) and per part left, top, width, height, area."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return numbers.astype(np.int32, copy=False), stats.astype(np.int32, copy=False)


def largest_component(mask: Mask) -> Mask:
    """Only the biggest connected part."""
    numbers, stats = components(mask)
    if len(stats) < 2:
        return mask
    largest: Mask = numbers == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return largest


def fill_holes(mask: Mask) -> Mask:
    """A mask with everything filled that its outline encloses."""
    padded = np.pad(~mask, 1, constant_values=True)
    numbers, _ = components(padded)
    filled: Mask = (numbers != numbers[0, 0])[1:-1, 1:-1]
    return filled


def largest_channel(picture: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """The largest channel of each pixel; over so short an axis NumPy's own reductions are slow, here and below."""
    result = picture[..., 0]
    for channel in range(1, picture.shape[-1]):
        result = np.maximum(result, picture[..., channel])
    return result


def difference(one: Image, other: Image) -> npt.NDArray[np.uint8]:
    """How much two pictures differ in each pixel, in the channel that differs most."""
    return largest_channel(cv2.absdiff(one, other).astype(np.uint8, copy=False))


def dot(one: Colours, other: Colours) -> Plane:
    """The product of each pixel's first three channels."""
    result: Plane = one[..., 0] * other[..., 0]
    result += one[..., 1] * other[..., 1]
    result += one[..., 2] * other[..., 2]
    return result


def norm(picture: Colours) -> Plane:
    """The length of each pixel's three channels."""
    return np.sqrt(dot(picture, picture))


def within(picture: Colours, colour: npt.ArrayLike, reach: tuple[float, float, float]) -> Mask:
    """Where every channel is less than its reach away from a colour."""
    centre = floats(colour)
    result: Mask = np.abs(picture[..., 0] - centre[0]) < reach[0]
    for channel in (1, 2):
        result &= np.abs(picture[..., channel] - centre[channel]) < reach[channel]
    return result


def distance_inside(mask: Mask) -> Plane:
    """For each pixel inside, how far the outline is."""
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5).astype(np.float32, copy=False)


def lab_of(image: Image) -> Colours:
    """CIE L*a*b* in OpenCV's eight-bit scale (L 0..255, a and b around 128)."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)


def sample(plane: npt.NDArray[np.float32], x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Bilinear values of a plane or picture at positions; both coordinate arrays have the same 2-D shape."""
    across, down = np.asarray(x, np.float32), np.asarray(y, np.float32)
    return cv2.remap(plane, across, down, cv2.INTER_LINEAR).astype(np.float32, copy=False)


def lay_over(below: Colours, above: Colours | Image, alpha: Plane) -> None:
    """What `mix` makes, in the place of what is below: pictures are large, and windows of them can be given."""
    change = np.subtract(above, below, dtype=np.float32)
    change *= alpha[..., None]
    below += change


def mix(below: Colours | Image, above: Colours | Image, alpha: Plane) -> Colours:
    """Lay a picture over another one through a matte."""
    mixed = np.subtract(above, below, dtype=np.float32)
    mixed *= alpha[..., None]
    mixed += below
    return mixed
