"""A simulated robot hand (MuJoCo): executes joint commands; gives joint positions, fingertips and images without
OpenGL."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..system.requirements import install_command
from .hand_model import mjcf, mjcf_path, urdf_path
from .joints import parse_urdf
from .poses import Pose
from .retargeting import pinch_distance
from .robot_hand import RobotHand

#: Camera of rendered images, in the frame of the wrist of a right hand: in front of the palm, a little from the side of
#: the thumb and from above. Distance in lengths of the hand, focal length in sides of the image.
_EYE_DIRECTION, _EYE_DISTANCE, _FOCAL = (1.0, 0.45, 0.25), 2.4, 1.7

_BACKGROUND = (246, 246, 244)

#: For hands from a URDF: radius of the contact sphere at a fingertip, and of the sticks that replace missing meshes, m.
_CORE_RADIUS, _STICK_RADIUS = 0.001, 0.007

#: Suffixes of the mesh files that MuJoCo reads.
_MESH_SUFFIXES = ('.obj', '.stl', '.msh')


class SimulationUnavailable(RuntimeError):
    """MuJoCo is missing or cannot read a hand; the message is one line with the remedy."""


class SimulatedHand:
    """A robot hand with a fixed wrist. Not thread-safe.

    Position servos drive the joints within their limits; contacts are between fingertips only.
    """

    def __init__(self, hand: RobotHand):
        """SimulationUnavailable if MuJoCo is missing or cannot read the hand's files."""
        self._mujoco = mujoco = _import_mujoco()
        self.hand = hand
        own = hand.urdf == urdf_path(hand.side)
        try:
            self.model = mujoco.MjModel.from_xml_path(str(mjcf_path(hand.side))) if own else _from_urdf(mujoco, hand)
        except ValueError as error:
            reason = ' '.join(str(error).split())
            raise SimulationUnavailable(f'MuJoCo cannot read hand {hand.name}: {reason}') from None
        self.data = mujoco.MjData(self.model)
        self._joints = np.array([self.model.jnt_qposadr[self._id('JOINT', name)] for name in hand.joint_names])
        self._servos = np.array([self._id('ACTUATOR', name) for name in hand.joint_names])
        self._tips = np.array([self._id('SITE', link) for link in hand.tip_links.values()])
        self._wrist = self._id('BODY', hand.wrist_link)
        # Its axes are those of hand_frame. MuJoCo merges the root link of a URDF with the world.
        self._root = self._wrist if own else 0
        self._renderer = self._meshes = None
        self.reset()
        self._size = float(np.linalg.norm(self.tip_positions, axis=1).max())     # m, from the wrist to the farthest tip

    def _id(self, kind, name):
        return self._mujoco.mj_name2id(self.model, getattr(self._mujoco.mjtObj, f'mjOBJ_{kind}'), name)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the driven joints, in the order of joint_positions."""
        return self.hand.joint_names

    @property
    def time(self) -> float:
        """Simulated seconds since reset."""
        return float(self.data.time)

    @property
    def joint_positions(self) -> np.ndarray:
        """(J,) rad."""
        return self.data.qpos[self._joints].copy()

    @property
    def joint_velocities(self) -> np.ndarray:
        """(J,) rad/s."""
        return self.data.qvel[self.model.jnt_dofadr[[self._id('JOINT', name) for name in self.joint_names]]].copy()

    @property
    def tip_positions(self) -> np.ndarray:
        """(F, 3) m relative to the wrist link, in the axes of the root link and in the order of hand.tip_links."""
        return self._from_wrist(self.data.site_xpos[self._tips])

    def _from_wrist(self, points):
        return (points - self.data.xpos[self._wrist]) @ self.data.xmat[self._root].reshape(3, 3)

    def pinch_distance(self, finger: str = 'index') -> float:
        """Distance between the tips of thumb and `finger`, m."""
        return pinch_distance(self.tip_positions, tuple(self.hand.tip_links), finger)

    def reset(self, positions: np.ndarray | None = None) -> None:
        """Rest with the joints at `positions` (J,) rad, or at JointLimits.rest."""
        self._mujoco.mj_resetData(self.model, self.data)
        start = self.hand.limits.rest() if positions is None else self.hand.limits.clip(positions)
        self.data.qpos[self._joints], self.data.ctrl[self._servos] = start, start
        self._mujoco.mj_forward(self.model, self.data)

    def command(self, names: Sequence[str], positions: Sequence[float]) -> None:
        """Command these joints to `positions`, rad; the others keep their command. Positions are clipped to the limits.

        ValueError, and no change, if a name is unknown or a position not finite."""
        wanted = np.asarray(positions, np.float64)
        if wanted.shape != (len(names),):
            raise ValueError(f'expected {len(names)} positions, one for each name; found {wanted.size}')
        unknown = [name for name in names if name not in self.joint_names]
        if unknown:
            raise ValueError(f'hand {self.hand.name} has no joint {", ".join(unknown)}')
        if not np.isfinite(positions).all():
            raise ValueError('a position is not finite')
        index = [self.joint_names.index(name) for name in names]
        limits = self.hand.limits
        self.data.ctrl[self._servos[index]] = np.clip(positions, limits.lower[index], limits.upper[index])

    def step(self, seconds: float) -> None:
        """Simulate `seconds`, rounded to steps of the simulation."""
        until = self.data.time + seconds
        while self.data.time < until - self.model.opt.timestep / 2:
            self._mujoco.mj_step(self.model, self.data)

    def set_wrist(self, pose: Pose) -> None:
        """Move the wrist, with the fingers, to `pose` in the world. Only the capsule hand can be moved.

        ValueError for other hands, or if the pose is invalid.
        """
        mocap = self.model.body_mocapid[self._wrist]
        if mocap < 0 or not pose.is_valid():
            raise ValueError(f'hand {self.hand.name} is fixed to the world' if mocap < 0 else 'the pose is invalid')
        self.data.mocap_pos[mocap] = pose.position
        self.data.mocap_quat[mocap] = np.roll(pose.quaternion, 1)
        self._mujoco.mj_forward(self.model, self.data)

    def render(self, width: int = 480, height: int = 480, supersample: int = 2) -> np.ndarray:
        """An image of the palm's side, (height, width, 3) uint8 RGB."""
        from ..geometry.camera import Intrinsics
        if self._renderer is None or self._meshes is None:
            from ..rendering.scanline import ScanlineRenderer
            from .geom_meshes import GeomMeshes
            self._meshes = GeomMeshes(self.model)
            self._renderer = ScanlineRenderer(self._meshes.faces, cull=False)
        points = self._from_wrist(self._meshes.vertices(self.data))
        camera = self._camera()
        # The hand fills the shorter side of the image.
        intrinsics = Intrinsics.from_focal(width, height, min(width, height) * _FOCAL)
        drawn = self._renderer.render((points - camera.position) @ camera.rotation, intrinsics, self._meshes.colors,
                                      supersample=supersample)
        alpha = drawn.alpha[..., None]
        return np.rint(drawn.rgb * alpha + np.array(_BACKGROUND) * (1 - alpha)).astype(np.uint8)

    def _camera(self):
        """The optical frame of the image, in the frame of the wrist."""
        size = self._size
        middle = np.array([0.1 * size, 0.0, 0.45 * size])
        to_eye = np.array(_EYE_DIRECTION) * (1.0, 1.0 if self.hand.side == 'right' else -1.0, 1.0)
        to_eye /= np.linalg.norm(to_eye)
        z = -to_eye
        x = np.cross(z, (0.0, 0.0, 1.0))
        x /= np.linalg.norm(x)
        return Pose(middle + _EYE_DISTANCE * size * to_eye, np.stack([x, np.cross(z, x), z], axis=1))


def _from_urdf(mujoco, hand):
    """The model of a URDF: sticks for missing meshes, servos on driven joints, contacts between fingertips."""
    root = parse_urdf(hand.urdf)
    _drop_missing_meshes(root, hand.urdf.parent)
    options = ElementTree.SubElement(root, 'mujoco')
    ElementTree.SubElement(options, 'compiler', discardvisual='false', strippath='false', fusestatic='false',
                           balanceinertia='true', boundmass='0.001', boundinertia='1e-7', meshdir=str(hand.urdf.parent))
    spec = mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding='unicode'))
    spec.option.timestep, spec.option.gravity = mjcf.TIMESTEP, [0, 0, 0]
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    for geom in spec.geoms:
        geom.contype = geom.conaffinity = 0
    for body in spec.bodies:
        if body.name != 'world' and not len(body.geoms):
            for child in body.bodies:
                if np.linalg.norm(child.pos) > 2 * _STICK_RADIUS:
                    body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[0, 0, 0, *child.pos], mass=0,
                                  size=[_STICK_RADIUS, 0, 0], rgba=[0.82, 0.84, 0.86, 1], contype=0, conaffinity=0)
    for link in hand.tip_links.values():
        body = spec.body(link)
        body.add_site(name=link, size=[0.001, 0, 0])
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[_CORE_RADIUS, 0, 0], mass=0, group=3, contype=1,
                      conaffinity=1)
    for name in hand.fixed_joints:
        spec.delete(spec.joint(name))       # it stays at zero, as retargeting assumes
    for joint in spec.joints:
        joint.armature = mjcf.ARMATURE
    for name in hand.joint_names:
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_position(kp=mjcf.STIFFNESS, kv=2 * math.sqrt(mjcf.STIFFNESS * mjcf.ARMATURE))
    return spec.compile()


def _drop_missing_meshes(root: ElementTree.Element, folder: Path):
    """Remove meshes that do not exist or that MuJoCo cannot read, and all that only collide."""
    for link in root.iterfind('link'):
        for element in [*link.iterfind('visual'), *link.iterfind('collision')]:
            mesh = element.find('geometry/mesh')
            if mesh is None:
                continue
            path = folder / mesh.get('filename', '')
            if path.suffix.lower() not in _MESH_SUFFIXES or not path.is_file() or element.tag == 'collision':
                link.remove(element)


def _import_mujoco() -> Any:
    try:
        import mujoco
    except ImportError as error:
        wrong = 'is not installed' if isinstance(error, ModuleNotFoundError) else f'cannot be loaded ({error})'
        raise SimulationUnavailable(f'the simulated hand needs MuJoCo, which {wrong}: '
                                    f'{install_command("mujoco")}') from None
    return mujoco
