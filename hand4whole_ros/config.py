"""The settings of estimators, defined once: their names, types, defaults, ranges and meanings.

Options of commands (cli/options.py), parameters of the node (ros/node/parameters.py), launch arguments
(ros/node/launch_arguments.py), config/estimate.yaml and the tables in docs/ are made from EstimatorConfig. A new
setting is one field of it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_origin, get_type_hints

#: m, from the wrist along the joints of the middle finger to its tip: the open body's, which is an adult's.
HAND_LENGTH = 0.195

#: Field of view of a camera whose intrinsics are unknown: that of a common webcam.
DEFAULT_FOV_DEGREES = 60.0


class Choice(str, Enum):
    """Base of settings with a few text values: they compare equal to the texts, and are written like them."""

    __str__ = str.__str__
    __repr__ = str.__repr__
    __format__ = str.__format__


class EstimatorName(Choice):
    """Which estimator; AUTO is HAND4WHOLE_PP where its files are, else MEDIAPIPE."""

    AUTO = 'auto'
    HAND4WHOLE_PP = 'hand4whole_pp'
    HAND4WHOLE = 'hand4whole'
    WILOR = 'wilor'
    UNIHOPE = 'unihope'
    OPEN = 'open'
    MEDIAPIPE = 'mediapipe'


class WeightsSource(Choice):
    """Weights of estimators with published networks. The random ones are generated from names."""

    PUBLISHED = 'published'
    RANDOM = 'random'
    RANDOM_TINY = 'random-tiny'


class Precision(Choice):
    """Precision of the transformers' matrix products."""

    AUTO = 'auto'
    FP32 = 'fp32'
    BF16 = 'bf16'
    FP16 = 'fp16'
    INT8 = 'int8'


#: Estimators that detect no hands without their people.
PEOPLE_ONLY = (EstimatorName.HAND4WHOLE_PP, EstimatorName.HAND4WHOLE)

#: Precisions of training.
TRAINING_PRECISIONS = (Precision.AUTO, Precision.FP32, Precision.BF16)


class DetectorName(Choice):
    """Detector of people and hands for estimators with published networks. AUTO is the estimator's own default."""

    AUTO = 'auto'
    MEDIAPIPE = 'mediapipe'
    WILOR = 'wilor'


class WristSource(Choice):
    """Source of the wrist rotations: see networks.fusion_policy.FusionPolicy. AUTO is the estimator's own default."""

    AUTO = 'auto'
    CHAM = 'cham'
    BODY = 'body'
    COPY = 'copy'


class WristAxes(Choice):
    """Axes of the orientation of a wrist: see geometry.wrist_axes."""

    SMPLX = 'smplx'
    MANO = 'mano'
    OPENXR = 'openxr'


class FrameConvention(Choice):
    """Names and axes of TF frames: see skeleton.frame_name and geometry.rep155_frames."""

    SMPLX = 'smplx'
    REP155 = 'rep155'


class Expert(Choice):
    """One of the two experts of Hand4Whole++."""

    HAND = 'hand'
    BODY = 'body'


class Quality(Choice):
    """FAST runs MediaPipe's smaller hand network, and the pose network on the image alone, not on its mirror image."""

    FULL = 'full'
    FAST = 'fast'


@dataclass(frozen=True)
class Setting:
    """One field of a table of settings, with all properties that its users need."""

    description: str
    low: float | None = None            #: of numbers, also of each number of a tuple
    high: float | None = None
    choices: tuple[str, ...] = ()       #: of texts; those of a Choice are added automatically
    pattern: str = ''                   #: of texts: a regular expression that the whole of it matches
    pattern_meaning: str = ''           #: the same, for display
    dynamic: bool = False               #: whether it may change while the node runs
    option: bool = True                 #: whether it is an option of commands
    parameter: bool = True              #: whether it is a parameter of the node
    launch: bool = False                #: whether it is a launch argument as well
    metavar: str | None = None          #: of the option
    # The rest is the field's own.
    name: str = ''
    type: Any = str
    default: Any = None

    @property
    def is_path(self) -> bool:
        """Whether it is an optional path. As text, '' is none."""
        return self.type == Path | None

    @property
    def is_text(self) -> bool:
        """Whether it is given as text."""
        return self.is_path or _is_subclass(self.type, str)

    def to_plain(self, value: Any) -> Any:
        """A value as ROS and YAML have it: texts for choices and paths."""
        return ('' if value is None else str(value)) if self.is_text else value

    def from_text(self, text: str) -> Any:
        """The value of a text that is one of the choices, if there are any."""
        if self.is_path:
            return Path(text).expanduser() if text else None
        return self.type(text)


def setting(default: Any, description: str, **about: Any) -> Any:
    """A field of a table of settings. about: fields of Setting."""
    return field(default=default, metadata={'setting': Setting(description, **about)})


@functools.cache
def settings_of(table: type) -> Mapping[str, Setting]:
    """Name -> setting, in the order of the fields of a dataclass made with `setting`."""
    types, settings = get_type_hints(table), {}
    for one in dataclasses.fields(table):
        about, kind = one.metadata['setting'], types[one.name]
        choices = tuple(choice.value for choice in kind) if _is_subclass(kind, Choice) else about.choices
        settings[one.name] = dataclasses.replace(
            about, name=one.name, type=kind, default=one.default, choices=choices)
    return MappingProxyType(settings)


def _is_subclass(kind, base):
    return get_origin(kind) is None and issubclass(kind, base)


@dataclass(frozen=True)
class EstimatorConfig:
    """Configuration of an estimator."""

    # A text, checked by estimators.create alone: a node whose estimator cannot be created stays alive and reports it.
    estimator: str = setting(
        EstimatorName.AUTO, 'Estimator: hand4whole_pp, hand4whole, open, mediapipe, or wilor and unihope, which '
        "estimate hands only. 'auto' is hand4whole_pp if its files are found, else mediapipe, which gives the same "
        'bodies as open in less time (docs/benchmarks/accuracy.md), or open if open_model is set.', launch=True)
    device: str = setting('auto', "Device of the networks: 'auto', 'cpu', 'cuda' or 'cuda:N'.", launch=True)
    body_model: Path | None = setting(
        None, 'SMPL-X .npz file to use instead of the open body, or, with hand4whole_pp and hand4whole, instead of the '
        'one in weights_folder. Estimator open accepts none.', launch=True)
    weights: WeightsSource = setting(
        WeightsSource.PUBLISHED, "Weights of estimators with published networks: 'published', or 'random' and "
        "'random-tiny', generated from the parameters' names, for speed measurements and tests.", launch=True)
    weights_folder: Path | None = setting(
        None, 'Folder of the published weights and body models, instead of the one that `hand4whole weights list` '
        'prints.', metavar='FOLDER', launch=True)
    open_model: Path | None = setting(
        None, 'Weights for estimator open, made by `hand4whole train`, instead of those shipped.', launch=True)
    lifting_model: Path | None = setting(
        None, 'Weights for estimator mediapipe, made by `hand4whole train lift`, instead of those shipped.',
        parameter=False)
    precision: Precision = setting(
        Precision.AUTO, "Precision of the transformers' matrix products. 'auto' is fp16 on a GPU, bf16 on a processor "
        "that has instructions for it, else fp32. 'int8' runs on processors only; it is faster and less accurate.")
    detector: DetectorName = setting(
        DetectorName.AUTO, "Detector of people and hands for estimators with published networks. 'auto' is mediapipe; "
        'for estimators of hands alone it is wilor, the hand detector that WiLoR was published with, if detector.pt is '
        'in weights_folder.')
    max_people: int = setting(
        4, 'Maximum number of people in an image. If there are more, hand4whole_pp and hand4whole keep the most '
        'confident, the other estimators the largest.',
        low=1, high=64)
    max_hands: int = setting(
        8, 'Maximum number of hands in an image, for estimators of hands alone. If there are more, the most confident '
        'are kept.', low=1, high=64)
    people: bool = setting(
        True, 'Detect people. false: detect hands only, for example with a camera above a desk; hand4whole_pp and '
        'hand4whole require people. wilor and unihope never detect people.',
        launch=True)
    hand_length: float = setting(
        HAND_LENGTH, 'Length of hands without a detected person, m, from the wrist along the middle finger to its tip. '
        "Their distance from the camera follows from it. The default is an adult's. wilor and unihope ignore it: they "
        'regress the shape of each hand.', low=0.05, high=0.4, metavar='M', launch=True)
    object_size: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), 'Estimator unihope: side lengths of the box around the grasped object, m. The pose of that '
        'box is then estimated. Zeros: no object pose.', low=0.0, high=2.0, metavar='M')
    object_mesh: Path | None = setting(
        None, 'Estimator unihope: mesh file of the grasped object, in metres, such as an .obj or .ply of the YCB '
        'objects, instead of object_size. The box is the bounding box along the axes of the mesh.')
    quality: Quality = setting(
        Quality.FULL, "'fast' runs a smaller network for hand landmarks, in half the time, and the pose network on the "
        "image only. 'full' runs it on the mirror image as well, in a video in every fifth image of a person who is "
        'nearly still, and averages both: more accurate, less jitter, and a better confidence. For estimators '
        'mediapipe and open.', launch=True)
    face: bool = setting(
        False, 'Fit jaw, eyes and expression to face landmarks, which takes some 15 ms more per person '
        '(docs/concepts/face.md). false: they stay neutral. For estimators mediapipe and open, with the open body; '
        'hand4whole_pp and hand4whole always estimate the face.', launch=True)
    wrist: WristSource = setting(
        WristSource.AUTO, "Source of the wrist rotations: 'cham' is the published method, 'body' the body expert "
        "alone, 'copy' the hand expert alone; 'auto' is the more accurate for the estimator: cham for hand4whole_pp, "
        'copy for open.')
    fingers: Expert = setting(
        Expert.HAND, "Source of the finger rotations: 'hand' is the published method, 'body' a hand at rest.")
    hand_shape: Expert = setting(
        Expert.HAND, "Source of the hand shape: 'hand' is the published method, 'body' SMPL-X's own hands.")
    static_images: bool = setting(
        False, 'True for unrelated pictures, false for a camera or a video, where each image follows the last.',
        option=False, parameter=False)


@dataclass(frozen=True)
class ViewerConfig:
    """The settings of the viewer, a browser page."""

    viewer_host: str = setting(
        '127.0.0.1', 'Address that the viewer listens on. By default only browsers on this machine reach it; 0.0.0.0 '
        'gives everybody on the network access, without a password.', launch=True)
    viewer_port: int = setting(
        8080, 'TCP port of the viewer; 0 selects a free one, which is logged.', low=0, high=65535, launch=True)
    picture_rate: float = setting(
        10.0, 'Maximum camera images per second that the viewer sends to browsers; 0 for none.', low=0.0, high=60.0)
    mesh_rate: float = setting(
        3.0, 'Maximum meshes per second that the viewer computes while the page shows them; 0 for none.', low=0.0,
        high=60.0)
