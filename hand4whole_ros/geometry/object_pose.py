"""An object's pose from votes for the points of its box (Perspective-n-Point)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from .camera import Intrinsics
from .placement import MIN_DEPTH

#: Maximum number of votes for each point, and the minimum confidence of a vote.
VOTES, MIN_CONFIDENCE = 10, 0.5
#: Minimum number of votes for a pose.
MIN_POINTS = 6

#: Maximum distance of a point's votes from its position in the pose, in the extent of all votes; and the minimum share
#: of the points that are nearer. Of 2000 sets of votes for random positions none gave a pose.
MAX_DISTANCE, MIN_AGREEING = 0.08, 0.75

#: Distortion of the camera for OpenCV. It takes None as well, which its type stubs leave out.
_NO_DISTORTION = np.empty((0, 1))


@dataclass(frozen=True)
class Votes:
    """Votes for points of a box."""

    pixels: np.ndarray  #: (N, 2) positions
    points: np.ndarray  #: (N,) index in object_box.BOX_POINTS
    confidence: np.ndarray  #: (N,)


@dataclass(frozen=True)
class ObjectPose:
    """The pose of an object: R @ point + t, from its own frame to the camera's, metres."""

    rotation: np.ndarray     #: (3, 3)
    translation: np.ndarray  #: (3,)


def select_votes(x: np.ndarray, y: np.ndarray, confidence: np.ndarray, count: int = VOTES,
                 *, min_confidence: float = MIN_CONFIDENCE) -> Votes:
    """For each point its most confident votes, best first, then point by point.

    x, y and confidence (cells..., 21), of any unit; those of networks.unihope.ObjectVotes are the object box's.
    """
    x, y, confidence = (values.reshape(-1, values.shape[-1]) for values in (x, y, confidence))
    order = np.argsort(-confidence, axis=0, kind='stable')[:count]
    chosen = [np.take_along_axis(values, order, axis=0) for values in (x, y, confidence)]
    kept = chosen[2] > min_confidence
    points = np.broadcast_to(np.arange(x.shape[1]), kept.shape)[kept]
    return Votes(np.stack([chosen[0][kept], chosen[1][kept]], axis=-1), points, chosen[2][kept])


def votes_to_image(votes: Votes, box: np.ndarray, affine: np.ndarray, mirrored_width: int | None = None) -> Votes:
    """Votes in units of an object's box xyxy (4,) in a crop -> in pixels of the whole image.

    affine (3, 3): to the crop. mirrored_width: width of the image, if its mirror image was cropped.
    """
    pixels = votes.pixels * (box[2:] - box[:2]) + box[:2]
    pixels = np.stack([(pixels[:, axis] - affine[axis, 2]) / affine[axis, axis] for axis in (0, 1)], axis=-1)
    if mirrored_width is not None:
        pixels[:, 0] = mirrored_width - 1 - pixels[:, 0]
    return Votes(pixels, votes.points, votes.confidence)


def solve_pose(points: np.ndarray, votes: Votes, camera_matrix: np.ndarray, published: bool = False
               ) -> ObjectPose | None:
    """The pose of a box with these 21 points (21, 3) m, whose votes are in pixels. None for too few votes, or no pose.

    published: the authors' method, RANSAC over EPnP, which changes by degrees for a hundredth of a pixel. By default
    all votes are used, by SQPnP (Terzakis and Lourakis, ECCV 2020), then by least squares on the votes that it fits.
    """
    if len(votes.points) < MIN_POINTS:
        return None
    model, pixels = points[votes.points].astype(np.float64), votes.pixels.astype(np.float64)
    camera_matrix = np.asarray(camera_matrix, np.float64)
    solved = (_solve_published if published else _solve_all_votes)(model, pixels, camera_matrix)
    if solved is None or not all(np.isfinite(part).all() for part in solved):
        return None
    rotation, translation = solved
    return ObjectPose(cv2.Rodrigues(rotation)[0], translation[:, 0])


class BoxFit(NamedTuple):
    """A pose that an object's votes agree on."""

    pose: ObjectPose
    confidence: float           #: 0 to 1: the mean of the votes for points that agree
    reprojection_error: float   #: px, root mean square over those points


def fit_box(points: np.ndarray, votes: Votes, intrinsics: Intrinsics) -> BoxFit | None:
    """As solve_pose, through a camera with a lens; None as well if the votes do not agree on a pose.

    Also None if a corner is not in front of the camera. Votes are in pixels of the camera's image.
    """
    voted = np.unique(votes.points)
    if len(voted) < MIN_POINTS:
        return None
    ideal = intrinsics.normalize(votes.pixels) * (intrinsics.fx, intrinsics.fy) + (intrinsics.cx, intrinsics.cy)
    if not np.isfinite(ideal).all():
        return None
    pose = solve_pose(points, Votes(ideal, votes.points, votes.confidence), intrinsics.matrix)
    if pose is None:
        return None
    placed = points @ pose.rotation.T + pose.translation
    if placed[:, 2].min() < MIN_DEPTH:
        return None
    middles = np.stack([np.median(votes.pixels[votes.points == k], axis=0) for k in voted])
    distance = np.linalg.norm(intrinsics.project(placed[voted]) - middles, axis=1)
    agrees = distance <= MAX_DISTANCE * np.linalg.norm(np.ptp(middles, axis=0))
    if agrees.sum() < max(MIN_POINTS, MIN_AGREEING * len(voted)):
        return None
    confidence = votes.confidence[np.isin(votes.points, voted[agrees])]
    return BoxFit(pose, float(confidence.mean()), float(np.sqrt(np.square(distance[agrees]).mean())))


#: Maximum distance of a used vote from its point in the pose, as a multiple of the median distance.
_INLIER_DISTANCE = 2.5


def _solve_published(model, pixels, camera_matrix) -> tuple[np.ndarray, np.ndarray] | None:
    """Axis-angle (3, 1) and translation (3, 1) m; None: no pose."""
    solved, rotation, translation, _ = cv2.solvePnPRansac(model, pixels, camera_matrix, _NO_DISTORTION,
                                                          flags=cv2.SOLVEPNP_EPNP)
    return (rotation, translation) if solved else None


def _solve_all_votes(model, pixels, camera_matrix) -> tuple[np.ndarray, np.ndarray] | None:
    """Axis-angle (3, 1) and translation (3, 1) m; None: no pose."""
    try:
        solved, rotation, translation = cv2.solvePnP(model, pixels, camera_matrix, _NO_DISTORTION,
                                                     flags=cv2.SOLVEPNP_SQPNP)
        if not solved:
            return None
        for _ in range(2):
            projected, _ = cv2.projectPoints(model, rotation, translation, camera_matrix, _NO_DISTORTION)
            distance = np.linalg.norm(projected[:, 0] - pixels, axis=1)
            near = distance <= max(_INLIER_DISTANCE * np.median(distance), 1e-6)
            if near.sum() >= MIN_POINTS:
                rotation, translation = cv2.solvePnPRefineLM(model[near], pixels[near], camera_matrix, _NO_DISTORTION,
                                                             rotation, translation)
    except cv2.error:
        return None
    return rotation, translation
