"""`hand4whole replay`: every image of a bag or video, in order, through the estimator and the tracker, into a new bag.

The people of an image, which depend on that image alone, are estimated by workers and kept in a journal, each image
once. Identities, filters and the operator, which depend on earlier images, are computed here in order, from the
journal into the new bag, and again from the beginning if a replay was interrupted: that is fast, and the
result is the same however the work was interrupted or distributed.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from ... import __version__
from ...apps.errors import WorkFailed
from ...apps.estimate import image_sources
from ...apps.replay.executors import Executor, LocalExecutor
from ...apps.replay.journal import Journal, journal_file_names
from ...apps.replay.packed_estimates import unpack
from ...apps.replay.work_folder import WorkFolder, work_folder_path
from ...media import folder_listing
from ...system import signals
from ...system.output_files import format_write_error, is_inside, is_same_path, printable_path
from ...system.progress import ProgressBar
from .. import topics
from ..bag.advice import diagnose_path, format_not_a_bag
from ..bag.errors import make_read_error
from ..bag.folder import check_bag_file
from ..bag.ownership import overwrite_rejection_reason
from ..bag.reader import BagError, Entry, fingerprint, is_bag
from ..bag.writer import BagWriter, is_disk_full
from ..node.parameters import NodeParameters
from .bag_source import BagSource, InputImage, InputOptions, ReplaySource
from .frame_estimator import CALIBRATED, FrameEstimator, FrameEstimatorFactory, FrameJob
from .message_builder import ReplayMessageBuilder
from .stamp_order import StampReorderBuffer
from .video_source import VideoSource

log = logging.getLogger(__name__)


#: Number of consecutive failures after which the estimator, not the images, is assumed broken.
MAX_CONSECUTIVE_FAILURES = 10


#: Files of a work folder: the people of every image, and the images that are drawn.
_JOURNALS = ('estimates', 'overlays')


class ReplayError(WorkFailed):
    """A replay could not continue; the message is one line for the user."""


@dataclass(frozen=True)
class OutputOptions:
    """Content of the new bag besides poses, operator and TF, and its storage."""

    markers: bool = False
    overlay: bool = False
    storage: str = 'mcap'


@dataclass
class ReplayReport:
    """Outcomes of the images of one input."""

    images: int = 0
    with_people: int = 0
    #: Images with a loose hand; rejected loose hands, by the reason.
    with_loose_hands: int = 0
    refused_hands: Counter = field(default_factory=Counter)
    #: Text about images missing in the input.
    missing: str | None = None
    #: Images without messages, by PersonTracking's verdict; rejected people, by the reason.
    skipped: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    #: Unusable images, and the reason of the first of each kind.
    bad: int = 0
    failed: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    remarks: Counter = field(default_factory=Counter)

    def count_unusable(self, kind: str, number: int, reason: str) -> None:
        """Count an image that is 'bad' or has 'failed'."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.reasons.setdefault(kind, f'image {number}: {reason}')


def list_inputs(path: Path) -> list[Path]:
    """The bag or video itself, or those in a folder; other files there are logged in one line. Raises BagError."""
    try:
        return _list_inputs(Path(path))
    except OSError as error:
        raise make_read_error(path, error) from None


def _list_inputs(path):
    if not path.exists():
        raise BagError(f'{path}: no such bag, video or folder')
    if is_bag(path):
        check_bag_file(path)
        return [path]
    if _is_video(path):
        return [path]
    entries = folder_listing.list_entries(path) if path.is_dir() else []
    inside = [entry for entry in entries if is_bag(entry) or _is_video(entry)]
    if not inside:
        what, step = diagnose_path(path)
        if step:
            raise BagError(format_not_a_bag(path))
        raise BagError(f'{path}: neither a rosbag2 bag (a folder with metadata.yaml, .mcap, .db3) nor a video '
                       f'({" ".join(image_sources.VIDEO_SUFFIXES)}), nor a folder of them, but {what}')
    rest = [entry for entry in entries if entry not in inside]
    if rest:
        log.warning('%s: left out: %s', printable_path(path), folder_listing.summarise_skipped(rest))
    return inside


def check_output_location(output: Path, source: Path) -> None:
    """Raises BagError if an output, or its work folder, contains an input, is inside it or is it."""
    for made in (Path(output), work_folder_path(Path(output))):
        if is_same_path(made, source):
            raise BagError(f'{printable_path(made)}: the output cannot be the input')
        if is_inside(source, made):
            raise BagError(f'{printable_path(made)} holds the input {printable_path(source)}: choose another output')
        if is_inside(made, source):
            raise BagError(
                f'{printable_path(made)} is in the input {printable_path(source)}: choose an output beside it'
            )


def _is_video(path):
    return path.is_file() and path.suffix.lower() in image_sources.VIDEO_SUFFIXES and not is_bag(path)


class Replay:
    """One estimator for any number of inputs. Has to be closed."""

    def __init__(self, estimator_factory: FrameEstimatorFactory, inputs: InputOptions, outputs: OutputOptions,
                 parameters: NodeParameters | None = None,
                 *, executor_factory: Callable[[FrameEstimatorFactory], Executor] | None = None):
        """parameters: of the node's, those about people, operator, TF and the camera's field of view are used.
        executor_factory: of the workers; None: the work is done in this process.
        """
        self._estimator_factory, self._inputs, self._outputs = estimator_factory, inputs, outputs
        self._parameters = parameters or NodeParameters()
        self._estimator = estimator_factory.create(estimator_factory.config)
        if executor_factory is None:
            self._workers: Executor = LocalExecutor(FrameEstimator(self._estimator))
        else:
            # Only its body and name are needed here.
            self._estimator.close()
            self._workers = executor_factory(estimator_factory)
        self._closed = executor_factory is not None

    def close(self) -> None:
        """Free the estimator and end the workers."""
        self._workers.close()
        if not self._closed:
            self._estimator.close()
            self._closed = True

    def run(self, path: Path, output: Path, force: bool = False) -> ReplayReport:
        """Replay one input into a new bag, or continue an interrupted replay.

        Raises BagError, WorkFolderError, ReplayError, WorkerCrashError.
        """
        check_output_location(output, path)
        with ExitStack() as open_now:
            def opened(what):
                return open_now.enter_context(closing(what))
            source = opened((VideoSource if _is_video(Path(path)) else BagSource)(path, self._inputs))
            folder = opened(WorkFolder(output, {**self._make_plan(path), 'files': fingerprint(source.files)}, force,
                                       tuple(name for journal in _JOURNALS for name in journal_file_names(journal)),
                                       rejection_reason=overwrite_rejection_reason))
            estimates, drawn = (folder.path / name for name in _JOURNALS)
            journal = opened(Journal(estimates))
            overlays = opened(Journal(drawn)) if self._outputs.overlay else None
            try:
                report = self._run_pass(path, source, folder, journal=journal, overlays=overlays)
                folder.finish()
            except BaseException as error:
                if len(journal):
                    log.info('%d images are done and kept in %s: the same command resumes',
                             len(journal), folder.path)
                if is_disk_full(error):
                    raise ReplayError(f'no space left for {printable_path(output)}: free some and repeat the command'
                                       ) from None
                if isinstance(error, OSError):
                    raise ReplayError(format_write_error(output, error)) from None
                raise
        return report

    def _make_plan(self, path):
        """All that the result depends on."""
        requested = {}
        for options in (self._parameters, self._estimator_factory.config, self._inputs, self._outputs):
            requested.update(dataclasses.asdict(options))
        return {
            **{name: str(value) if isinstance(value, Path) else value for name, value in requested.items()},
            'input': Path(path).name,
            'version': __version__,
            'estimator': self._estimator.name,
            'device': self._estimator.device,
            'body': self._estimator.body.name,
            'threads': self._estimator_factory.threads,
        }

    def _make_job(self, picture: InputImage, rectified: bool) -> FrameJob:
        return FrameJob(
            picture.item, picture.camera_info, rectified, self._inputs.focal, self._parameters.fallback_fov_deg
        )

    def _run_pass(self, path: Path, source: ReplaySource, folder: WorkFolder, *, journal: Journal,
                  overlays: Journal | None) -> ReplayReport:
        if folder.resumed:
            log.info('going on with %s: %d images are done', folder.path, len(journal))
        if source.left_out:
            log.info('left out, as the new bag has its own: %s', ', '.join(source.left_out))
        message_builder = ReplayMessageBuilder(
            self._estimator.body,
            self._estimator.name,
            self._parameters,
            self._outputs.markers,
            overlays=overlays,
            two_clocks=source.two_clocks,
            objects=self._estimator.gives_objects,
        )
        with BagWriter(folder.new, self._outputs.storage, source.connections, message_builder.types,
                       latched=(topics.absolute_topic(topics.SKELETON),),
                       custom_data=json.dumps(self._make_plan(path))) as bag:
            work = _ReplayPass(source, journal, self._workers, message_builder=message_builder, bag=bag,
                               job=self._make_job)
            with ProgressBar(total=max(source.images, len(journal)), initial=len(journal), unit='image',
                     desc=printable_path(Path(path).name)) as progress:
                work.run(progress)
        return work.report


class _PendingImage:
    """An image in progress: number in the input, pixels, and its messages once they are known."""

    def __init__(self, number: int, picture: InputImage):
        self.number, self.picture = number, picture
        self.handle = None
        self.messages: list[tuple[str, bytes]] | None = None


class _ReplayPass:
    """One pass from the beginning of the input to its end."""

    def __init__(
        self,
        source: ReplaySource,
        journal: Journal,
        workers: Executor,
        *, message_builder: ReplayMessageBuilder,
        bag: BagWriter,
        job: Callable[[InputImage, bool], FrameJob],
    ):
        self._source, self._journal, self._workers = source, journal, workers
        self._message_builder, self._bag, self._make_job = message_builder, bag, job
        #: Entries in the input's order, written from the left: an image waits for its messages.
        self._entries: deque[tuple[Entry, _PendingImage | None]] = deque()
        #: Images in the order of their stamps, submitted to workers.
        self._submitted: deque[_PendingImage] = deque()
        self._failures = 0      # in a row
        self.report = ReplayReport()

    def run(self, progress: ProgressBar) -> None:
        """All of it."""
        order = StampReorderBuffer()
        for entry, picture in self._source.entries():
            image = None
            if picture is not None:
                image = _PendingImage(self.report.images, picture)
                self.report.images += 1
                if image.number == 0:
                    self._write_initial_messages(entry.time)
                if picture.rejection_reason is not None:
                    image.messages = []
                    self.report.count_unusable('bad', image.number, picture.rejection_reason)
                else:
                    for ready in order.put(picture.stamp, image):
                        self._submit(ready, progress)
            self._entries.append((entry, image))
            self._write_ready()
        for ready in order.rest():
            self._submit(ready, progress)
        while self._submitted:
            self._finish_oldest(progress)
        self._write_ready()
        self.report.missing = self._source.missing
        self.report.skipped = self._message_builder.skipped
        self.report.refused += self._message_builder.refused
        self.report.refused_hands += self._message_builder.refused_hands
        if not self.report.images:
            raise BagError('there is no image in what was chosen of the input')
        if self.report.failed == self.report.images:
            self._raise_failure()

    def _write_initial_messages(self, time):
        for topic, data in self._message_builder.build_initial():
            self._bag.write_message(topic, time, data)

    def _submit(self, image, progress):
        if image.number not in self._journal:
            image.handle = self._workers.submit(self._make_job(image.picture, self._source.rectified))
        self._submitted.append(image)
        while len(self._submitted) >= self._workers.width:
            self._finish_oldest(progress)

    def _finish_oldest(self, progress):
        """The oldest of those begun."""
        signals.raise_pending()
        image = self._submitted.popleft()
        data = self._journal.get(image.number)
        if data is None:
            data = self._workers.result(image.handle)
            progress.update()
        seen = unpack(data)
        if 'failed' not in seen:
            # A failure may not recur; a bad image stays bad.
            if image.number not in self._journal:
                with signals.defer_signals():
                    self._journal.put(image.number, data)
        image.messages = self._build_messages(image, seen)

    def _build_messages(self, image, seen):
        for kind in ('bad', 'failed'):
            if kind in seen:
                self.report.count_unusable(kind, image.number, seen[kind])
                self._failures = self._failures + 1 if kind == 'failed' else 0
                if self._failures >= MAX_CONSECUTIVE_FAILURES:
                    self._raise_failure()
                return []
        self._failures = 0
        self._log_remarks(seen)
        self.report.with_people += bool(seen['people'])
        self.report.with_loose_hands += bool(seen['loose_hands'])
        self.report.refused_hands.update(seen['refused_hands'])
        self.report.refused.update(seen.get('refused', {}))
        return self._message_builder.about(image.number, image.picture.item, seen) or []

    def _raise_failure(self):
        raise ReplayError(f'the estimator fails on every image: {self.report.reasons["failed"]}')

    def _log_remarks(self, seen):
        camera = [] if seen['camera'] == CALIBRATED else [seen['camera']]
        for remark in seen['remarks'] + camera:
            if not self.report.remarks[remark]:
                log.warning(remark)
            self.report.remarks[remark] += 1

    def _write_ready(self):
        while self._entries and (self._entries[0][1] is None or self._entries[0][1].messages is not None):
            entry, image = self._entries.popleft()
            self._bag.copy(entry)
            for topic, data in (image.messages or ()) if image is not None else ():
                self._bag.write_message(topic, entry.time, data)
