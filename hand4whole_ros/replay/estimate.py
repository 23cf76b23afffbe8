"""`hand4whole estimate`: every frame of some pictures and videos through an estimator, to JSON and overlays."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
from tqdm import tqdm

from .. import pictures
from ..estimate import reasons
from ..estimators.base import Estimator
from ..geometry.camera import Intrinsics
from ..tracking import Tracker
from ..view.overlay import Overlay
from . import as_json
from .sources import Source

log = logging.getLogger(__name__)


def run(sources: list[Source], create: Callable[[bool], Estimator], focal: float | None,
        json_path: Path | None, overlay_folder: Path | None) -> int:
    """Estimate every frame of `sources`, in order; returns how many could not be read.

    `create(static_images)` makes the estimator: one for the pictures, which have nothing to do with
    each other, and one for the videos, whose frames follow one another. `focal` in pixels; None
    assumes camera.DEFAULT_FOV_DEGREES. The JSON is written once, complete, at the end.
    """
    if focal is None:
        log.info('no --focal: a field of view of 60 degrees is assumed')
    people, refused, unreadable = {}, Counter(), 0
    total = sum(len(source) for source in sources)
    with tqdm(total=total, unit='frame', desc='estimating') as progress:
        for static in (True, False):
            chosen = [source for source in sources if source.is_video != static]
            if not chosen:
                continue
            estimator = create(static)
            try:
                for source in chosen:
                    unreadable += _run_one(source, estimator, focal, people, overlay_folder, progress)
            finally:
                refused.update(estimator.refused)
                estimator.close()
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        part = json_path.with_name(json_path.name + '.part')
        part.write_text(json.dumps(people))
        part.replace(json_path)
    found = sum(len(row) for row in people.values())
    log.info('%d people in %d frames%s', found, len(people),
             f'; {unreadable} could not be read' if unreadable else '')
    if refused:
        log.warning('people refused: %s', reasons(refused))
    return unreadable


def _run_one(source, estimator, focal, people, overlay_folder, progress):
    """All frames of one source into `people` and `overlay_folder`; returns how many were unreadable."""
    unreadable, video = 0, None
    overlay = Overlay(estimator.body) if overlay_folder is not None else None
    tracker = Tracker(estimator.body) if source.is_video else None
    estimator.reset()
    for frame in source.frames():
        progress.update(1)
        if frame.error is not None:
            progress.write(frame.error, file=sys.stderr)
            unreadable += 1
            continue
        height, width = frame.image.shape[:2]
        intrinsics = (Intrinsics.from_fov(width, height) if focal is None
                      else Intrinsics.from_focal(width, height, focal))
        estimates = estimator.estimate(frame.image, intrinsics)
        if tracker is not None:
            estimates = tracker.update(estimates, frame.stamp)
        people[frame.name] = [as_json.person(estimate) for estimate in estimates]
        if overlay is None:
            continue
        drawn = overlay.draw(frame.image, estimates, intrinsics)
        if source.is_video:
            video = video or _video_writer(overlay_folder / f'{source.stem}_overlay.mp4', source, drawn)
            video.write(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
        else:
            pictures.write(overlay_folder / f'{source.stem}.png', drawn)
    if video is not None:
        video.release()
    return unreadable


def _video_writer(path, source, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    capture = cv2.VideoCapture(str(source.path))
    rate = capture.get(cv2.CAP_PROP_FPS) or 30.0
    capture.release()
    height, width = image.shape[:2]
    return cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), rate, (width, height))
