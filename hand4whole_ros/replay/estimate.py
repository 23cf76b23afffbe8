"""`hand4whole estimate`: every frame of some pictures and videos through an estimator, to JSON and overlays."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass
class Report:
    """What could not be estimated."""

    unreadable: int = 0     # pictures and videos
    missing: int = 0        # frames of videos that are damaged or cut


def run(sources: list[Source], create: Callable[[bool], Estimator], focal: float | None,
        json_path: Path | None, overlay_folder: Path | None) -> Report:
    """Estimate every frame of `sources`, in order.

    `create(static_images)` makes the estimator: one for the pictures, which have nothing to do with
    each other, and one for the videos, whose frames follow one another. `focal` in pixels; None
    assumes camera.DEFAULT_FOV_DEGREES. The JSON is written once, complete, at the end.
    """
    if focal is None:
        log.info('no --focal: a field of view of 60 degrees is assumed')
    people, report = {}, Report()
    refused: Counter = Counter()
    total = sum(len(source) for source in sources)
    with tqdm(total=total, unit='frame', desc='estimating') as progress:
        for static in (True, False):
            chosen = [source for source in sources if source.is_video != static]
            if not chosen:
                continue
            estimator = create(static)
            try:
                for source in chosen:
                    _run_one(source, estimator, focal, people, overlay_folder, progress, report)
            finally:
                refused.update(estimator.refused)
                estimator.close()
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        part = json_path.with_name(json_path.name + '.part')
        part.write_text(json.dumps(people))
        part.replace(json_path)
    found = sum(len(row) for row in people.values())
    log.info('%d people in %d frames%s%s', found, len(people),
             f'; {report.unreadable} could not be read' if report.unreadable else '',
             f'; {report.missing} are missing' if report.missing else '')
    if refused:
        log.warning('people refused: %s', reasons(refused))
    return report


def _run_one(source, estimator, focal, people, overlay_folder, progress, report):
    """All frames of one source into `people` and `overlay_folder`."""
    video = None
    overlay = Overlay(estimator.body) if overlay_folder is not None else None
    tracker = Tracker(estimator.body) if source.is_video else None
    estimator.reset()
    try:
        for frame in source.frames():
            progress.update(1)
            if frame.error is not None:
                progress.write(frame.error, file=sys.stderr)
                report.missing += frame.missing
                report.unreadable += not frame.missing
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
                if video is None:
                    from ..videos.writer import VideoWriter     # FFmpeg's libraries
                    overlay_folder.mkdir(parents=True, exist_ok=True)
                    video = VideoWriter(overlay_folder / f'{source.stem}_overlay.mp4')
                video.write(drawn, frame.stamp, frame.duration)
            else:
                pictures.write(overlay_folder / f'{source.stem}.png', drawn)
    finally:
        if video is not None:
            video.close()
