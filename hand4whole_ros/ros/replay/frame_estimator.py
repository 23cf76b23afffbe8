"""The part of a replay that depends on one image alone, and can run in any process: estimating its people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo

from ...apps.replay.packed_estimates import pack
from ...config import EstimatorConfig
from ...estimators.base import Estimator
from ...geometry.camera import Intrinsics
from ...system.threads import set_torch_threads
from ..conversions import messages
from ..conversions.camera_state import CameraState
from ..conversions.images import ImageMessageError
from ..conversions.raw_image import RawImage, decode_image_message

#: Value of 'camera' in a result with a valid calibration.
CALIBRATED = 'calibrated'


class FrameJob(NamedTuple):
    """An image and its camera's calibration."""

    item: RawImage
    camera_info: bytes | None       # serialised sensor_msgs/CameraInfo
    rectified: bool
    focal: float | None             # px; instead of camera_info
    fallback_fov: float             # degrees; without either


@dataclass(frozen=True)
class FrameEstimatorFactory:
    """Creates the estimator in the worker. Can be pickled."""

    create: Callable[[EstimatorConfig], Estimator]
    config: EstimatorConfig
    #: Number of torch's threads: sums depend on it in their last digit, so it is the same everywhere.
    threads: int

    def __call__(self) -> FrameEstimator:
        estimator = self.create(self.config)
        set_torch_threads(self.threads)
        return FrameEstimator(estimator)


class FrameEstimator:
    """Estimates one image at a time; keeps no state between images that could change a result."""

    def __init__(self, estimator: Estimator):
        self._estimator = estimator
        self._camera = CameraState(lambda remark: None)
        self._info = None

    def __call__(self, job: FrameJob) -> bytes:
        """A packed dict, see packed_estimates.

        'stamp' ns and 'frame_id' of the image, its 'people', its 'loose_hands' and its 'intrinsics', the source of
        'camera', 'remarks' for the user, 'refused' people, as in Estimator.refused, and 'refused_hands'; or 'bad':
        why the image cannot be used, or 'failed': the exception of the estimator.
        """
        remarks: list[str] = []
        try:
            header, image = decode_image_message(job.item, remarks.append)
        except ImageMessageError as error:
            return pack({'bad': str(error)})
        height, width = image.shape[:2]
        intrinsics, camera = self._intrinsics(job, width, height)
        assert intrinsics is not None   # no timeout
        refused, refused_hands = self._estimator.refused.copy(), self._estimator.refused_hands.copy()
        try:
            stamp = messages.to_nanoseconds(header.stamp)
            people = self._estimator.estimate(image, intrinsics, stamp * 1e-9)
        except Exception as error:  # One image must not end hours of work; the error is logged and counted.
            return pack({'failed': f'{type(error).__name__}: {" ".join(str(error).split())}'})
        return pack({'stamp': stamp, 'frame_id': header.frame_id, 'people': people,
                     'loose_hands': self._estimator.loose_hands, 'intrinsics': intrinsics, 'camera': camera,
                     'remarks': remarks, 'refused': dict(self._estimator.refused - refused),
                     'refused_hands': dict(self._estimator.refused_hands - refused_hands)})

    def _intrinsics(self, job, width, height):
        """Intrinsics of the image, and their source."""
        if job.focal is not None:
            return Intrinsics.from_focal(width, height, job.focal), CALIBRATED
        if job.camera_info != self._info:
            self._info = job.camera_info
            self._camera.forget()
            if job.camera_info is not None:
                self._camera.update(deserialize_message(job.camera_info, CameraInfo))
        # The camera_info of the bag is known already.
        intrinsics = self._camera.for_image(width, height, job.rectified, fallback_fov_deg=job.fallback_fov, now=0.0,
                                            timeout=0.0)
        return intrinsics, self._camera.state
