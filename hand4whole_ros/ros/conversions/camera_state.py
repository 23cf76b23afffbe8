"""State of the node's camera: the last camera_info, or for how long it has been awaited."""

from __future__ import annotations

from ...geometry.camera import Intrinsics
from .camera_info import CameraInfoError, intrinsics_from_camera_info

__all__ = ['MAX_REMARKS', 'CameraInfoError', 'CameraState', 'intrinsics_from_camera_info']

#: Maximum number of lines in the log about one camera: one that changes with every image must not fill the disk.
MAX_REMARKS = 20


class CameraState:
    """State of one camera: the last camera_info, or for how long it has been awaited.

    `state` is for diagnostics; `describe` is called with each new remark, once per remark.
    """

    def __init__(self, on_remark):
        self._on_remark = on_remark
        self._reported_remarks = set()
        self.forget()

    def forget(self) -> None:
        """Discard the state; the next camera may be another one."""
        self._info = self._key = self._intrinsics = self._waiting_since = None
        self.state = 'none yet'

    def update(self, info) -> None:
        """A camera_info has arrived."""
        if info != self._info:
            self._info, self._key = info, None

    def for_image(self, width: int, height: int, rectified: bool, *, fallback_fov_deg: float,
                  now: float, timeout: float) -> Intrinsics | None:
        """Intrinsics of this image; None while the first camera_info is still awaited.

        `now` and `timeout` in seconds of one clock that does not jump.
        """
        if self._info is None:
            self._waiting_since = now if self._waiting_since is None else self._waiting_since
            if now - self._waiting_since < timeout:
                return None
        key = (width, height, rectified, fallback_fov_deg, self._info is None)
        if key != self._key:
            self._intrinsics = self._resolve(width, height, rectified, fallback_fov_deg)
            self._key = key
        return self._intrinsics

    def _resolve(self, width, height, rectified, fov):
        if self._info is None:
            problem = 'no camera_info'
        else:
            try:
                found, remark = intrinsics_from_camera_info(self._info, width, height, rectified)
            except (CameraInfoError, ValueError) as error:
                problem = str(error)
            else:
                self.state = remark or 'calibrated'
                if remark:
                    self._report_remark(remark)
                return found
        self.state = f'{problem}: a field of view of {fov:g} degrees is assumed'
        self._report_remark(f'{self.state} (parameter fallback_fov_deg); distances are only as good as that')
        return Intrinsics.from_fov(width, height, fov)

    def _report_remark(self, remark):
        if remark not in self._reported_remarks and len(self._reported_remarks) < MAX_REMARKS:
            self._reported_remarks.add(remark)
            self._on_remark(remark)
