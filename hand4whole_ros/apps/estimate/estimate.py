"""`hand4whole estimate`: every frame of images and videos through an estimator, to JSON and overlays."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...estimate import IMPOSSIBLE, format_refusals
from ...estimators.base import Estimator
from ...geometry.camera import Intrinsics
from ...media import image_files
from ...media.image_files import ImageFileError
from ...rendering.overlay import Overlay
from ...system import memory, output_files, signals
from ...system.output_files import printable_path
from ...system.progress import ProgressBar
from ...tracking import Tracker
from ...tracking.validation import rejection_reason
from ..errors import WorkFailed
from . import estimate_json
from .image_sources import Frame, ImageSource
from .outputs import EstimateOutputs
from .results_file import ResultsFile

log = logging.getLogger(__name__)

#: Number of consecutive failures after which the estimator, not the frames, is assumed broken.
MAX_CONSECUTIVE_FAILURES = 10


@dataclass
class EstimateReport:
    """Outcomes of the frames."""

    frames: int = 0         # that were estimated
    people: int = 0
    unreadable: int = 0     # images and videos
    missing: int = 0        # frames of videos that are damaged or cut
    failed: int = 0         # frames on which the estimator raised
    refused: Counter = field(default_factory=Counter)   # reason -> number of people rejected

    def __str__(self) -> str:
        text = f'{self.people} people in {self.frames} frames'
        for count, what in ((self.unreadable, 'could not be read'), (self.missing, 'are missing'),
                            (self.failed, 'left out: the estimator failed')):
            text += f'; {count} {what}' if count else ''
        return text + (f'; people refused: {format_refusals(self.refused)}' if self.refused else '')


def run(sources: list[ImageSource], create: Callable[[bool], Estimator], focal: float | None,
        json_path: Path | None, *, overlay_folder: Path | None, hands_path: Path | None = None) -> EstimateReport:
    """Estimate every frame of `sources`, in order.

        `create(static_images)` creates the estimator: one for the images, which are independent, and one for the
    videos, whose frames are consecutive. `focal` in pixels; None assumes config.DEFAULT_FOV_DEGREES.

    Results are written as they come: see ResultsFile. Raises OutputError before anything else if an output may
    not be written, WorkFailed if the work cannot continue, and KeyboardInterrupt with a line for the user; finished
    results are written in either case.
    """
    outputs = EstimateOutputs(json_path, overlay_folder, hands_path)
    outputs.check(sources)
    work = _EstimateJob(create, focal, outputs)
    try:
        work.run(sources)
        with signals.defer_signals():
            work.close(finished=True)
    except BaseException as error:
        with signals.defer_signals(ending=True):
            kept = work.close(finished=False)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(f'interrupted: {kept}') from None
        if isinstance(error, WorkFailed):
            raise WorkFailed(f'{error}; {kept}') from None
        if work.report.frames:
            log.error('%s', kept)
        raise
    log.info('%s', work.report)
    return work.report


class _OutputWriteError(WorkFailed):
    """An output can no longer be written."""


@contextmanager
def _convert_write_errors(path):
    """Within the block, OSError becomes _OutputWriteError with one line about `path`."""
    try:
        yield
    except ImageFileError as error:
        raise _OutputWriteError(str(error)) from None
    except OSError as error:
        raise _OutputWriteError(output_files.format_write_error(path, error)) from None


class _EstimateJob:
    """The frames and the outputs of their results."""

    def __init__(self, create, focal, outputs):
        self._create, self._focal, self._outputs = create, focal, outputs
        self._failures = 0      # in a row
        self._total: int | None = 0     # None: unknown, of a camera
        self._overlay_count = 0
        self.report = EstimateReport()
        self._results, self._hands = (self._open(path) for path in (outputs.json, outputs.hands_json))

    @staticmethod
    def _open(path):
        if path is None:
            return None
        with _convert_write_errors(path):
            return ResultsFile(path)

    def run(self, sources):
        """Process all sources; images first."""
        if self._focal is None:
            log.info('no --focal: a field of view of 60 degrees is assumed')
        self._total = None if any(source.is_live for source in sources) else sum(map(len, sources))
        with closing(_LazyProgressBar(self._total)) as progress:
            for static in (True, False):
                chosen = [source for source in sources if source.is_video != static]
                if not chosen:
                    continue
                log.info('loading the estimator for %s', 'pictures' if static else 'videos')
                with closing(self._create(static)) as estimator:
                    try:
                        for source in chosen:
                            self._process_source(source, estimator, progress)
                    finally:
                        self.report.refused.update(estimator.refused)

    def _process_source(self, source, estimator, progress):
        """Process all frames of one source."""
        overlay = Overlay(estimator.body) if self._outputs.overlay is not None else None
        tracker = Tracker(estimator.body) if source.is_video else None
        drawn_video = _OverlayVideo(self._outputs.overlay_path(source)) if overlay and source.is_video else None
        estimator.reset()
        try:
            for frame in source.frames():
                signals.raise_pending()
                found = self._estimate(frame, estimator, tracker)
                if found is not None and overlay is not None:
                    drawn = overlay.draw(frame.image, *found)
                    if drawn_video is not None:
                        drawn_video.write(drawn, frame)
                    else:
                        path = self._outputs.overlay_path(source)
                        with _convert_write_errors(path):
                            image_files.write_image(path, drawn)
                    self._overlay_count += 1
                progress.update()
        finally:
            if drawn_video is not None:
                with signals.defer_signals():
                    drawn_video.close()

    def _estimate(self, frame: Frame, estimator, tracker):
        """People of one frame, its intrinsics and loose hands, once they are in the results; None if nothing is to
        be drawn.
        """
        if frame.error is not None or frame.image is None:
            log.error('%s', frame.error)
            self.report.missing += frame.missing
            self.report.unreadable += not frame.missing
            return None
        height, width = frame.image.shape[:2]
        intrinsics = (Intrinsics.from_fov(width, height) if self._focal is None
                      else Intrinsics.from_focal(width, height, self._focal))
        try:
            people = self._filter_valid(
                estimator.estimate(frame.image, intrinsics, None if tracker is None else frame.stamp), frame.name)
            # People without tracking have an index in this image only.
            people = ([replace(person, track_id=k) for k, person in enumerate(people)] if tracker is None
                      else tracker.update(people, frame.stamp))
            loose = estimator.loose_hands
            context = estimate_json.make_context(intrinsics, estimator.name)
            rows = {self._results: [estimate_json.person_to_json(person) | context for person in people],
                    self._hands: [estimate_json.loose_hand_to_json(hand) | context for hand in loose]}
        except Exception as error:  # One failing frame must not affect the others.
            if memory.is_out_of_memory(error):
                estimator.reduce_memory()
            self._record_failure(frame.name, error)
            return None
        self._failures = 0
        with signals.defer_signals():
            for results, added in rows.items():
                if results is not None:
                    with _convert_write_errors(results.path):
                        results.add(frame.name, added)
            self.report.frames += 1
            self.report.people += len(people)
        return people, intrinsics, loose

    def _filter_valid(self, people, name):
        """People with finite, plausible numbers: JSON has no others."""
        wrong = [rejection_reason(person) for person in people]
        if any(wrong):
            if not self.report.refused[IMPOSSIBLE]:
                log.warning('%s: a person is rejected: %s', name, next(filter(None, wrong)))
            self.report.refused[IMPOSSIBLE] += sum(map(bool, wrong))
        return [person for person, why in zip(people, wrong) if not why]

    def _record_failure(self, name, error):
        line = f'{name}: the estimator failed: {" ".join(f"{type(error).__name__}: {error}".split())}'
        log.error('%s', line)
        log.debug('%s', name, exc_info=True)
        self.report.failed += 1
        self._failures += 1
        if self._failures == MAX_CONSECUTIVE_FAILURES:
            raise WorkFailed(f'it failed {MAX_CONSECUTIVE_FAILURES} times in a row; {line}')

    def close(self, finished):
        """Write pending results and log a summary. Raises _OutputWriteError where it is finished."""
        report, places = self.report, []
        for results in filter(None, (self._results, self._hands)):
            try:
                with _convert_write_errors(results.path):
                    results.close(finished)
            except _OutputWriteError:
                if finished:
                    raise
            if results.written:
                places.append(f'{results.written} are in {printable_path(results.path)}')
        if self._overlay_count:
            places.append(f'{self._overlay_count} are drawn in {printable_path(self._outputs.overlay)}')
        total = f'{report.frames} frames' if self._total is None else f'{report.frames} of {self._total} frames'
        return f'{total} are done' + ''.join(f', {place}' for place in places)


class _LazyProgressBar:
    """A bar that appears with the first frame, after loading."""

    def __init__(self, total):
        self._total, self._bar = total, None

    def update(self):
        """Count a finished frame."""
        if self._bar is None:
            self._bar = ProgressBar(desc='estimating', total=self._total, unit='frame')
        self._bar.update()

    def close(self):
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


class _OverlayVideo:
    """The overlay of a video: under its name once it is closed, with the frames drawn until then."""

    def __init__(self, path):
        self._path, self._writer, self._part = path, None, None

    def write(self, image, frame):
        """Write the next frame, drawn over that of the video."""
        with _convert_write_errors(self._path):
            if self._writer is None:
                self._part = output_files.new_part_path(self._path)
                from ...media.videos.writer import VideoWriter  # FFmpeg's libraries
                self._writer = VideoWriter(self._part)
            self._writer.write(image, frame.stamp, frame.duration)

    def close(self):
        """Close the file."""
        if self._writer is None or self._part is None:
            return
        with _convert_write_errors(self._path):
            try:
                self._writer.close()
                output_files.mark_video(self._part)
                output_files.commit_part(self._part, self._path)
            finally:
                self._part.unlink(missing_ok=True)
