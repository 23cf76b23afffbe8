"""Images annotated in COCO-WholeBody's format: people with 17 joints, and the 21 points of each hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..skeleton import SIDES

#: Rows of `keypoints`.
_JOINTS = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder', 'left_elbow',
           'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle',
           'right_ankle')


class AnnotationError(ValueError):
    """A folder has no usable annotations; the message gives the reason in one line."""


@dataclass(frozen=True, eq=False)
class AnnotatedPerson:
    """joints: name -> (2,) px of the labelled ones; hands: side -> (N, 2) px of the labelled points and their rows."""

    joints: dict[str, np.ndarray]
    hands: dict[str, tuple[np.ndarray, np.ndarray]]
    box_xywh: np.ndarray
    hidden: frozenset[str] = frozenset()    # labelled joints that are not visible
    area: float = 0.0                       # px^2 of the outline; 0 if unknown
    sides_without_hand: frozenset[str] = frozenset()    # sides whose hand is not visible


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """complete: all people in the image are annotated, none as a crowd."""

    path: Path | None       # None for an image that is not a file
    people: list[AnnotatedPerson]
    complete: bool


def load(root: Path, annotations: Path | None = None) -> list[AnnotatedImage]:
    """The images of a folder that its annotations name, in their order.

    annotations: a file; by default the one *.json in `root` or `root/annotations` that has the format. Raises
    AnnotationError.
    """
    root = Path(root)
    if not root.is_dir():
        raise AnnotationError(f'{root}: no such folder')
    files = [annotations] if annotations else [*sorted(root.glob('*.json')), *sorted(root.glob('annotations/*.json'))]
    for path in files:
        content = _read(path, required=annotations is not None)
        if content is not None:
            return _images(root, path, content)
    raise AnnotationError(f'{root}: no *.json with images and annotations in COCO-WholeBody format in it, nor in its '
                          f'folder annotations')


def _read(path, required):
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        if required:
            raise AnnotationError(f'{path} cannot be read: {error}') from None
        return None
    if isinstance(content, dict) and isinstance(content.get('images'), list) and isinstance(
            content.get('annotations'), list):
        return content
    if required:
        raise AnnotationError(f'{path} is no COCO file: it has no lists of images and annotations')
    return None


def _images(root, path, content):
    try:
        by_image: dict = {}
        for annotation in content['annotations']:
            by_image.setdefault(annotation['image_id'], []).append(annotation)
        found = []
        for image in content['images']:
            mine = by_image.get(image['id'], [])
            people = [_person(one) for one in mine if not one.get('iscrowd') and one.get('keypoints')]
            found.append(AnnotatedImage(_path(root, path, image['file_name']), people,
                                        not any(one.get('iscrowd') for one in mine)))
        return found
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise AnnotationError(f'{path} is not in COCO-WholeBody format: {error!r}') from None


def _path(root, annotations, name):
    if Path(name).is_absolute() or '..' in Path(name).parts:
        raise AnnotationError(f'{annotations}: an image is named {name!r}, which is outside the folder')
    for folder in (root, root / 'images', annotations.parent):
        if (folder / name).is_file():
            return folder / name
    raise AnnotationError(f'{annotations} names {name}, which is not in {root} nor in its folder images')


def _person(annotation):
    points = np.array(annotation['keypoints'], float).reshape(len(_JOINTS), 3)
    hands = {}
    for side in SIDES:
        if annotation.get(f'{side}hand_valid'):
            hand = np.array(annotation[f'{side}hand_kpts'], float).reshape(21, 3)
            rows = np.flatnonzero(hand[:, 2] > 0)
            hands[side] = hand[rows, :2], rows
    return AnnotatedPerson(
        {name: point[:2] for name, point in zip(_JOINTS, points) if point[2] > 0}, hands,
        np.array(annotation.get('bbox', np.zeros(4)), float),
        frozenset(name for name, point in zip(_JOINTS, points) if point[2] == 1), float(annotation.get('area') or 0),
        frozenset(side for side in SIDES if annotation.get(f'{side}hand_valid') is False))
