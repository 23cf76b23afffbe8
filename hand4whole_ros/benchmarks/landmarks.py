"""Stage 'landmarks': the networks for landmarks, one by one and together, on a drawn person in a video.

One network uses one thread: its processor time is its time on an idle machine. Parallel parts are measured both
ways.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..evaluation.mediapipe_solutions import load_solutions
from ..landmarks import LandmarksUnavailable, face, hands, pose, whole_body
from ..landmarks.people_tracking import PeopleTracker
from ..landmarks.runtime import Runtime
from ..skeleton import SIDES
from ..synthetic.motion import PersonMotion
from ..system.native_stderr import suppress_native_stderr
from . import timing
from .result_rows import BESIDE_EACH_OTHER, BenchmarkSkipped, stage_keys

#: Seconds of the motion, in which both hands are visible, images a second, and warm-up images of each measurement.
_BEGIN, _END, RATE, WARM_UP = 8.6, 12.0, 15.0, 5


def measure(seconds: float = timing.DEFAULT_SECONDS) -> dict:
    """{'figures': ..., 'why_null': ...} of the rows of stage 'landmarks', within some seconds.

    Raises BenchmarkSkipped.
    """
    images = draw_video(PersonMotion())
    try:
        figures = {**_measure_networks(images[0], seconds / 2), **_measure_person(images, seconds),
                   **_measure_people(images, seconds)}
    except LandmarksUnavailable as error:
        raise BenchmarkSkipped(str(error)) from error
    why_null = {key: 'mediapipe is not installed' if 'holistic' in key else 'not everybody was detected with both hands'
                for key in stage_keys('landmarks') if key not in figures}
    return {'figures': figures, 'why_null': why_null}


def draw_video(motion: PersonMotion) -> list[np.ndarray]:
    """RGB images (H, W, 3) uint8 in which both hands are visible, RATE a second."""
    return [motion.frame(second) for second in np.arange(_BEGIN, _END, 1 / RATE)]


def beside_each_other(images: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Images that show the person of each of `images`, cut to the middle, so many times."""
    width = images[0].shape[1]
    return [np.concatenate([image[:, width // 8:-width // 8]] * count, axis=1) for image in images]


def _measure_networks(image, seconds):
    """The processor time of each network with its crop."""
    people, poses, recropper = pose.PoseDetector(), pose.PoseLandmarker(), hands.HandRecropper()
    palms, full, lite = hands.PalmDetector(), hands.HandLandmarker(), hands.HandLandmarker(lite=True)
    faces, mesh, irises = face.FaceDetector(), face.FaceLandmarker(), face.IrisLandmarker()
    region = pose.person_region(people.detect(image)[0])
    body = poses.landmarks(image, region).landmarks
    hand = hands.pose_hand_region(body, 'right')
    head = face.pose_face_region(body)
    recropped, near = recropper.recrop(image, hand), face.face_region(faces.detect(image, head)[0])
    found = mesh.landmarks(image, near)
    return timing.time_interleaved({
        'landmarks_pose_detection_ms': lambda: people.detect(image),
        'landmarks_pose_ms': lambda: poses.landmarks(image, region),
        'landmarks_palm_detection_ms': lambda: palms.detect(image),
        'landmarks_hand_ms': lambda: full.landmarks(image, recropped),
        'landmarks_hand_lite_ms': lambda: lite.landmarks(image, recropped),
        'landmarks_hand_recrop_ms': lambda: recropper.recrop(image, hand),
        'landmarks_face_detection_ms': lambda: faces.detect(image, head),
        'landmarks_face_ms': lambda: mesh.landmarks(image, near),
        'landmarks_eyes_ms': lambda: irises.eyes(image, found)}, seconds=seconds, clock=time.process_time)


class VideoWorkload:
    """One way to process a video, image after image."""

    def __init__(self, images, step: Callable):
        self._images, self._step, self._count = images, step, 0
        #: Result of the last image.
        self.last: Any = None

    def __call__(self):
        # Forwards and backwards, without a jump.
        turn = self._count % (2 * len(self._images) - 2)
        self.last = self._step(self._images[min(turn, 2 * len(self._images) - 2 - turn)], self.last)
        self._count += 1


def _measure_person(images, seconds):
    """One person with two hands, in a video: the time of an image."""
    detector = pose.PoseDetector()

    def located(landmarker):
        def step(image, last):
            region = pose.person_region(detector.detect(image)[0]) if last is None else last.pose.next_region
            return landmarker.landmarks(image, region, last)
        return step

    def tracked(landmarker):
        locate = located(landmarker)

        def step(image, last):
            if last is None or last.left_hand is None or last.right_hand is None:
                return locate(image, last)
            return landmarker.landmarks_in(image, last.next_regions)
        return step
    work = {
        'person_located': located(_create_landmarker(2)), 'person_located_one_worker': located(_create_landmarker(1)),
        'person_tracked': tracked(_create_landmarker(2)), 'person_tracked_one_worker': tracked(_create_landmarker(1)),
        'person_tracked_two_threads': tracked(_create_landmarker(1, threads=2)),
        'person_tracked_lite': tracked(_create_landmarker(2, lite_hands=True))}
    holistic = create_holistic()
    if holistic is not None:
        work['holistic'] = lambda image, _: holistic.process(image)
    videos = {name: VideoWorkload(images, step) for name, step in work.items()}
    try:
        return _landmark_times(videos, seconds)
    finally:
        if holistic is not None:
            holistic.close()


def _measure_people(images, seconds):
    """So many people beside each other, each with two hands: the time of an image. No figure unless all are
    detected."""
    trackers = {f'people_{count}': PeopleTracker(max_people=count, both_ways=True) for count in BESIDE_EACH_OTHER}
    trackers['people_1_fast'] = PeopleTracker(max_people=1, lite_hands=True)
    videos = {name: VideoWorkload(beside_each_other(images, tracker.max_people),
                                  lambda image, _, tracker=tracker: tracker.track(image))
              for name, tracker in trackers.items()}
    figures = _landmark_times(videos, seconds, warm_up=6 * WARM_UP)
    for name, tracker in trackers.items():
        people = videos[name].last.people
        if len(people) < tracker.max_people or any(person.hand(side) is None for person in people for side in SIDES):
            for kind in ('', '_processor'):
                del figures[f'landmarks_{name}{kind}_ms']
    return figures


def _landmark_times(videos, seconds, warm_up=WARM_UP):
    return {f'landmarks_{key}': figure for key, figure in time_videos(videos, seconds, warm_up).items()}


def time_videos(videos: dict[str, VideoWorkload], seconds: float, warm_up: int = WARM_UP,
                average: Callable = np.median) -> dict[str, float]:
    """name_ms and name_processor_ms: elapsed and processor time of an image."""
    with suppress_native_stderr():
        for _ in range(warm_up):
            for video in videos.values():
                video()
    return {f'{name}{kind}_ms': figure for kind, clock in (('', time.perf_counter), ('_processor', time.process_time))
            for name, figure in timing.time_interleaved(
                videos, seconds=seconds / 2, clock=clock, average=average).items()}


def _create_landmarker(workers, threads=1, lite_hands=False):
    return whole_body.WholeBodyLandmarker(with_face=True, lite_hands=lite_hands,
                                          runtime=Runtime(workers=workers, threads=threads))


def create_holistic() -> Any:
    """MediaPipe's own solution, tracking; None if it is not installed."""
    solutions = load_solutions()
    if solutions is None:
        return None
    with suppress_native_stderr():
        return solutions.Holistic(static_image_mode=False, model_complexity=1)
