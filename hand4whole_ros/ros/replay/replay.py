"""`hand4whole replay`: every image of a bag or video, in order, through the estimator and the tracker, into a new bag.

What depends on one image alone, its people, is found by workers and kept in a journal, each image once. What
depends on the images before, identities, filters and the operator, is done here in order, on its way from the
journal into the new bag, and again from the beginning where a replay was interrupted: that is quick, and so the
result is the same however the work was interrupted or spread.
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
from ...apps.replay.journal import Journal, file_names
from ...apps.replay.packed_estimates import unpack
from ...apps.replay.work_folder import WorkFolder, partial
from ...media import folder_listing
from ...system import signals
from ...system.output_files import failure, is_inside, is_same, printable
from ...system.progress import Bar
from .. import topics
from ..bag.advice import describe, not_a_bag
from ..bag.errors import unreadable
from ..bag.folder import check_file
from ..bag.ownership import rejection_reason
from ..bag.reader import BagError, Entry, fingerprint, is_bag
from ..bag.writer import BagOutput, disk_full
from ..node.parameters import NodeParameters
from .bag_source import BagInput, Input, InputOptions, Picture
from .frame_estimator import CALIBRATED, FrameEstimator, FrameEstimatorFactory, Job
from .message_builder import ReplayMessageBuilder
from .stamp_order import StampOrder
from .video_source import VideoInput

log = logging.getLogger(__name__)


#: An estimator that fails this many times in a row is broken, and not the images.
MOST_FAILURES = 10


#: Files of a work folder: the people of every image, and the images that are drawn.
_JOURNALS = ('estimates', 'overlays')


class ReplayFailed(WorkFailed):
    """A replay could not go on; the message is the one line to show."""


@dataclass(frozen=True)
class OutputOptions:
    """What the new bag holds besides poses, operator and TF, and how it is stored."""

    markers: bool = False
    overlay: bool = False
    storage: str = 'mcap'


@dataclass
class Report:
    """What became of the images of one input."""

    images: int = 0
    with_people: int = 0
    #: About images that the input should hold and does not.
    missing: str | None = None
    #: Images that nothing is said about, by Following's verdict; people who were refused, by the reason.
    left_alone: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    #: Images that were left out, and why the first of each kind was.
    bad: int = 0
    failed: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    remarks: Counter = field(default_factory=Counter)

    def leave_out(self, kind: str, number: int, reason: str) -> None:
        """Count an image that is 'bad' or has 'failed'."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.reasons.setdefault(kind, f'image {number}: {reason}')


def find_inputs(path: Path) -> list[Path]:
    """The bag or video itself, or those in a folder; what else is there is a line in the log. Raises BagError."""
    try:
        return _inputs_at(Path(path))
    except OSError as error:
        raise unreadable(path, error) from None


def _inputs_at(path):
    if not path.exists():
        raise BagError(f'{path}: no such bag, video or folder')
    if is_bag(path):
        check_file(path)
        return [path]
    if _is_video(path):
        return [path]
    entries = folder_listing.entries(path) if path.is_dir() else []
    inside = [entry for entry in entries if is_bag(entry) or _is_video(entry)]
    if not inside:
        what, step = describe(path)
        if step:
            raise BagError(not_a_bag(path))
        raise BagError(f'{path}: neither a rosbag2 bag (a folder with metadata.yaml, .mcap, .db3) nor a video '
                       f'({" ".join(image_sources.VIDEO_SUFFIXES)}), nor a folder of them, but {what}')
    rest = [entry for entry in entries if entry not in inside]
    if rest:
        log.warning('%s: left out: %s', printable(path), folder_listing.left_out(rest))
    return inside


def check_apart(output: Path, source: Path) -> None:
    """Raises BagError where an output, or its work folder, contains an input, lies in it or is it."""
    for made in (Path(output), partial(Path(output))):
        if is_same(made, source):
            raise BagError(f'{printable(made)}: the output cannot be the input')
        if is_inside(source, made):
            raise BagError(f'{printable(made)} holds the input {printable(source)}: choose another output')
        if is_inside(made, source):
            raise BagError(f'{printable(made)} lies in the input {printable(source)}: choose an output beside it')


def _is_video(path):
    return path.is_file() and path.suffix.lower() in image_sources.VIDEO_SUFFIXES and not is_bag(path)


class Replay:
    """One estimator for as many inputs as there are. To be closed."""

    def __init__(self, make: FrameEstimatorFactory, inputs: InputOptions, outputs: OutputOptions,
                 parameters: NodeParameters | None = None,
                 spread: Callable[[FrameEstimatorFactory], Executor] | None = None):
        """parameters: of those of the node, the ones about people, operator, TF and the camera's field of view.
        spread: gives the workers; None: the work is done in this process.
        """
        self._make, self._inputs, self._outputs = make, inputs, outputs
        self._parameters = parameters or NodeParameters()
        self._estimator = make.create(make.config)
        if spread is None:
            self._workers: Executor = LocalExecutor(FrameEstimator(self._estimator))
        else:
            # Only its body and name are needed here.
            self._estimator.close()
            self._workers = spread(make)
        self._closed = spread is not None

    def close(self) -> None:
        """Free the estimator and end the workers."""
        self._workers.close()
        if not self._closed:
            self._estimator.close()
            self._closed = True

    def run(self, path: Path, output: Path, force: bool = False) -> Report:
        """Replay one input into a new bag, or go on where it was interrupted.

        Raises BagError, WorkFolderError, ReplayFailed, WorkersDied.
        """
        check_apart(output, path)
        with ExitStack() as open_now:
            def opened(what):
                return open_now.enter_context(closing(what))
            source = opened((VideoInput if _is_video(Path(path)) else BagInput)(path, self._inputs))
            folder = opened(WorkFolder(output, {**self._about(path), 'files': fingerprint(source.files)}, force,
                                       [name for journal in _JOURNALS for name in file_names(journal)],
                                       rejection_reason))
            estimates, drawn = (folder.path / name for name in _JOURNALS)
            journal = opened(Journal(estimates))
            overlays = opened(Journal(drawn)) if self._outputs.overlay else None
            try:
                report = self._one_pass(path, source, folder, journal, overlays)
                folder.finish()
            except BaseException as error:
                if len(journal):
                    log.info('%d images are done and kept in %s: the same command goes on from there',
                             len(journal), folder.path)
                if disk_full(error):
                    raise ReplayFailed(f'no space left for {printable(output)}: free some and repeat the command'
                                       ) from None
                if isinstance(error, OSError):
                    raise ReplayFailed(failure(output, error)) from None
                raise
        return report

    def _about(self, path):
        """What the result depends on."""
        asked = {}
        for options in (self._parameters, self._make.config, self._inputs, self._outputs):
            asked.update(dataclasses.asdict(options))
        return {**{name: str(value) if isinstance(value, Path) else value for name, value in asked.items()},
                'input': Path(path).name, 'version': __version__, 'estimator': self._estimator.name,
                'device': self._estimator.device, 'body': self._estimator.body.name, 'threads': self._make.threads}

    def _job(self, picture: Picture, rectified: bool) -> Job:
        return Job(picture.item, picture.camera_info, rectified, self._inputs.focal, self._parameters.fallback_fov_deg)

    def _one_pass(self, path: Path, source: Input, folder: WorkFolder, journal: Journal,
                  overlays: Journal | None) -> Report:
        if folder.resumed:
            log.info('going on with %s: %d images are done', folder.path, len(journal))
        if source.left_out:
            log.info('left out, as the new bag has its own: %s', ', '.join(source.left_out))
        sayings = ReplayMessageBuilder(
            self._estimator.body,
            self._estimator.name,
            self._parameters,
            self._outputs.markers,
            overlays,
            source.two_clocks,
        )
        with BagOutput(folder.new, self._outputs.storage, source.connections, sayings.types,
                       (topics.absolute(topics.SKELETON),), json.dumps(self._about(path))) as bag:
            work = _Pass(source, journal, self._workers, sayings, bag, self._job)
            with Bar(total=max(source.images, len(journal)), initial=len(journal), unit='image',
                     desc=printable(Path(path).name)) as progress:
                work.run(progress)
        return work.report


class _Image:
    """An image on its way: number in the input, picture, and what is said about it once that is known."""

    def __init__(self, number: int, picture: Picture):
        self.number, self.picture = number, picture
        self.handle = None
        self.said: list[tuple[str, bytes]] | None = None


class _Pass:
    """From the beginning of the input to its end."""

    def __init__(
        self,
        source: Input,
        journal: Journal,
        workers: Executor,
        sayings: ReplayMessageBuilder,
        bag: BagOutput,
        job: Callable[[Picture, bool], Job],
    ):
        self._source, self._journal, self._workers = source, journal, workers
        self._sayings, self._bag, self._job = sayings, bag, job
        #: As they are in the input, written from the left: an image waits for what is said about it.
        self._entries: deque[tuple[Entry, _Image | None]] = deque()
        #: In the order of their stamps, the work on them begun.
        self._begun: deque[_Image] = deque()
        self._failures = 0      # in a row
        self.report = Report()

    def run(self, progress: Bar) -> None:
        """All of it."""
        order = StampOrder()
        for entry, picture in self._source.entries():
            image = None
            if picture is not None:
                image = _Image(self.report.images, picture)
                self.report.images += 1
                if image.number == 0:
                    self._say_first(entry.time)
                if picture.rejection is not None:
                    image.said = []
                    self.report.leave_out('bad', image.number, picture.rejection)
                else:
                    for ready in order.put(picture.stamp, image):
                        self._begin(ready, progress)
            self._entries.append((entry, image))
            self._write()
        for ready in order.rest():
            self._begin(ready, progress)
        while self._begun:
            self._finish(progress)
        self._write()
        self.report.missing = self._source.missing
        self.report.left_alone = self._sayings.left_alone
        self.report.refused += self._sayings.refused
        if not self.report.images:
            raise BagError('there is no image in what was chosen of the input')
        if self.report.failed == self.report.images:
            self._give_up()

    def _say_first(self, time):
        for topic, data in self._sayings.at_first():
            self._bag.say(topic, time, data)

    def _begin(self, image, progress):
        if image.number not in self._journal:
            image.handle = self._workers.submit(self._job(image.picture, self._source.rectified))
        self._begun.append(image)
        while len(self._begun) >= self._workers.width:
            self._finish(progress)

    def _finish(self, progress):
        """The oldest of those begun."""
        signals.check()
        image = self._begun.popleft()
        data = self._journal.get(image.number)
        if data is None:
            data = self._workers.result(image.handle)
            progress.update()
        seen = unpack(data)
        if 'failed' not in seen:
            # What failed may go well another time; what is bad stays bad.
            if image.number not in self._journal:
                with signals.deferred():
                    self._journal.put(image.number, data)
        image.said = self._said_about(image, seen)

    def _said_about(self, image, seen):
        for kind in ('bad', 'failed'):
            if kind in seen:
                self.report.leave_out(kind, image.number, seen[kind])
                self._failures = self._failures + 1 if kind == 'failed' else 0
                if self._failures >= MOST_FAILURES:
                    self._give_up()
                return []
        self._failures = 0
        self._remark(seen)
        self.report.with_people += bool(seen['people'])
        self.report.refused.update(seen.get('refused', {}))
        return self._sayings.about(image.number, image.picture.item, seen) or []

    def _give_up(self):
        raise ReplayFailed(f'the estimator fails on every image: {self.report.reasons["failed"]}')

    def _remark(self, seen):
        camera = [] if seen['camera'] == CALIBRATED else [seen['camera']]
        for remark in seen['remarks'] + camera:
            if not self.report.remarks[remark]:
                log.warning(remark)
            self.report.remarks[remark] += 1

    def _write(self):
        while self._entries and (self._entries[0][1] is None or self._entries[0][1].said is not None):
            entry, image = self._entries.popleft()
            self._bag.copy(entry)
            for topic, data in image.said if image is not None else ():
                self._bag.say(topic, entry.time, data)
