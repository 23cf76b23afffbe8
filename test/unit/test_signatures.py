"""Functions take at most four arguments by position: beyond that a call does not say what is what."""

import ast

import pytest
from locations import ROOT

PACKAGE = ROOT / 'hand4whole_ros'

MAX_POSITIONAL = 4

#: File -> functions that take more. A number may only become smaller, and no file is added.
REMAINING = {
    '_vendor_patches/onednn_linear.py': 1,
    'body/model.py': 1,
    'body/posing.py': 1,
    'body/skinning.py': 1,
    'detection/hand_detectors.py': 1,
    'estimators/landmark_fit.py': 2,
    'estimators/person_crops.py': 1,
    'estimators/prompt_builder.py': 1,
    'estimators/unihope.py': 1,
    'fitting/body_fitter.py': 3,
    'fitting/kinematic_chain.py': 1,
    'fitting/prior_body_fitter.py': 2,
    'fitting/solver.py': 1,
    'landmarks/people.py': 1,
    'landmarks/people_tracking.py': 1,
    'networks/dahyf.py': 1,
    'networks/resnet.py': 1,
    'networks/unihope.py': 1,
    'rendering/rasterizer.py': 2,           # kernels of warp, which takes no keywords
    'ros/demo/programs.py': 1,
    'ros/teleop/command_messages.py': 1,
    'ros/teleop/demo.py': 2,
    'ros/teleop/engagement_input.py': 1,
    'ros/teleop/launch_arguments.py': 1,
    'teleop/hand_model/urdf.py': 1,
    'teleop/pose_limiter.py': 1,
    'teleop/robot_hand.py': 1,
    'training/dahyf_training.py': 3,
    'training/trainer.py': 1,
}


def many_positional(source: str) -> list[str]:
    """Names of the functions in a module that take more than MAX_POSITIONAL arguments by position."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            if len(names) - (names[:1] in (['self'], ['cls'])) > MAX_POSITIONAL:
                found.append(node.name)
    return found


@pytest.mark.parametrize('source, found', [
    ('def f(a, b, c, d, e): pass', ['f']),
    ('def f(a, b, c, d, *, e): pass', []),
    ('class A:\n    def f(self, a, b, c, d): pass', []),
    ('class A:\n    def f(self, a, b, c, d, e=0): pass', ['f']),
])
def test_what_is_counted(source, found):
    assert many_positional(source) == found


def test_no_more_functions_take_many_positional_arguments():
    files = {str(path.relative_to(PACKAGE)): many_positional(path.read_text())
             for path in PACKAGE.rglob('*.py') if 'msg' not in path.relative_to(PACKAGE).parts}
    grown = {name: found for name, found in files.items() if len(found) > REMAINING.get(name, 0)}
    assert not grown, f'arguments beyond the {MAX_POSITIONAL}th go after a `*`: {grown}'
