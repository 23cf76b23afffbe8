"""What differs between ROS installations and wheels gives the same in both."""

import sys

import numpy as np
import pytest

from hand4whole_ros.ros import compat
from hand4whole_ros.teleop.poses import Pose

XYZ, RPY = (0.8, 0.1, 0.6), (-1.7, 0.1, 1.5)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a tf_transformations of this source."""
    def install(source):
        (tmp_path / 'tf_transformations.py').write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, 'tf_transformations', raising=False)
        compat._load_tf_transformations.cache_clear()
    yield install
    sys.modules.pop('tf_transformations', None)
    compat._load_tf_transformations.cache_clear()


def test_tf_transformations_and_this_package_agree_on_xyz_and_rpy():
    transformations = pytest.importorskip('tf_transformations')
    expected = transformations.euler_matrix(*RPY, axes='sxyz')[:3, :3]
    assert np.allclose(Pose.from_xyz_rpy(XYZ, RPY).rotation, expected)


def test_rotations_are_those_of_tf_transformations_where_it_is_installed(installed):
    installed('import numpy\n'
              'def euler_matrix(ai, aj, ak, axes):\n'
              '    assert axes == "sxyz"\n'
              '    return numpy.diag([ai, aj, ak, 1.0])\n')
    pose = compat.pose_from_xyz_rpy(XYZ, RPY)
    assert pose.position.tolist() == list(XYZ) and pose.rotation.tolist() == np.diag(RPY).tolist()
    with pytest.raises(ValueError, match='three finite numbers'):
        compat.pose_from_xyz_rpy(XYZ, (0, 0, np.nan))


def test_without_a_tf_transformations_that_can_be_imported_there_are_rotations_as_well(installed):
    installed('import transforms3d_that_is_missing')
    pose, expected = compat.pose_from_xyz_rpy(XYZ, RPY), Pose.from_xyz_rpy(XYZ, RPY)
    assert np.array_equal(pose.rotation, expected.rotation) and np.array_equal(pose.position, expected.position)
