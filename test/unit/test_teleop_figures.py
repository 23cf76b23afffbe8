"""What robot hands reach that follow a drawn operator, whose hand is known exactly: the table of
docs/guides/teleoperation.md.

`hand4whole evaluate teleop` prints all of it. Times are printed there and not tested: machines differ.
"""


import numpy as np
import pytest
from locations import ROOT

pytest.importorskip('anny')
pytest.importorskip('dexi_rs', reason='dexi-rs is not installed: pip install dexi-rs==0.4.1')
pytest.importorskip('mujoco', reason="mujoco is not installed: pip install 'mujoco>=3.4'")

from hand4whole_ros.cli.main import main  # noqa: E402
from hand4whole_ros.evaluation import teleop, teleop_safety, teleop_table  # noqa: E402
from hand4whole_ros.teleop import robot_hand  # noqa: E402
from hand4whole_ros.teleop.joint_limiter import JointLimiterConfig  # noqa: E402


@pytest.fixture(scope='module')
def recordings():
    return {side: teleop.operator_recording(side) for side in ('left', 'right')}


@pytest.mark.parametrize('name', robot_hand.names())
@pytest.mark.parametrize('side', ['left', 'right'])
def test_pinches_close_in_time_inside_all_limits(recordings, name, side):
    figures = teleop.finger_figures(recordings[side], name)
    for key in ('touching, mm at most', 'touching in simulation, mm at most', 'beyond limits, rad',
                'speed, rad/s at most', 'lag, images'):
        assert teleop_table.reaches_goal(teleop_table.HAND_ROWS[key], figures[key]), (key, figures[key])
    assert figures['apart, mm at p5'] > 60


@pytest.mark.parametrize('name', robot_hand.names())
def test_a_hand_lost_in_the_middle_of_a_motion(recordings, name):
    figures = teleop.loss_figures(recordings['right'], name)
    for key, value in figures.items():
        assert teleop_table.reaches_goal(teleop_table.HAND_ROWS[key], value), (key, value)
    assert figures['largest step after, rad'] > 0.1     # it does go on


@pytest.mark.parametrize('name', ['capsule', 'shadow'])
def test_the_left_hand_does_the_mirror_image(recordings, name):
    assert teleop.mirror_figure(recordings['right'], name) < 0.1


def test_a_noisy_hand_still_pinches(recordings):
    figures = teleop.finger_figures(recordings['right'].with_noise(0.002), 'capsule', simulate=False)
    assert figures['touching, mm at most'] < 4 and figures['beyond limits, rad'] == 0
    assert figures['speed, rad/s at most'] <= 10 * (1 + 1e-6)


def test_joints_come_back_to_where_they_were(recordings):
    """The same pose a second time, after a pinch, is the same command: nothing drifts."""
    recording = recordings['right']
    retargeter = teleop.create(robot_hand.load_robot_hand('capsule', 'right'))
    tips = teleop.simulate_robot_hand(recording, retargeter).tips
    first, again = (int(t * teleop.FRAME_RATE) for t in (1.5, 3.3))
    assert np.linalg.norm(tips[first] - tips[again], axis=1).max() < 0.002


def test_openxr_frames_turn_no_more_than_bones(recordings):
    for recording in recordings.values():
        figures = teleop.openxr_figures(recording)
        assert figures['-Z along the bone, cosine at least'] > 0.999 and figures['from the mirror, at most'] < 1e-9
        assert figures['largest twist, rad'] < 0.2
        assert figures['largest step, rad'] < figures['largest step of a bone itself, rad'] + 0.01


def test_the_gate_tells_good_hands_from_wrong_ones():
    figures = teleop_safety.gate_figures(400)
    assert figures['good: become OK'] > 0.98 and figures['good: stay OK'] > 0.995
    for wrong in ('another hand', 'mirrored', 'half a box aside'):
        assert figures[f'{wrong}: become OK'] < 0.06, wrong


def test_prediction_brings_wrist_and_fingertips_nearer_to_where_they_are(recordings):
    for recording, wrist, tips in (
        (recordings['right'], 0.85, 0.95),
        (teleop.fast_motion_recording('right'), 0.65, 0.85),
    ):
        figures = teleop_safety.prediction_figures(recording)
        for name, share in (('wrist', wrist), ('fingertips', tips)):
            for delay in ('67 ms', '100 ms'):
                assert figures[f'{name}, {delay}, predicted, mm'] < share * figures[f'{name}, {delay}, as measured, mm']


def test_a_slow_hand_leaves_quick_pinches_open(recordings):
    config = teleop.HandTeleopConfig(limiter=JointLimiterConfig(max_speed=3.0))
    figures = teleop.finger_figures(recordings['right'], 'leap', simulate=False, config=config)
    assert figures['touching, mm at most'] > 20 and figures['speed, rad/s at most'] <= 3 * (1 + 1e-6)


def test_delays_are_measured():
    times = np.arange(0, 6, 1 / 30)
    signal = np.stack([np.sin(3 * times), np.cos(2 * times)], axis=1)
    late = np.stack([np.sin(3 * (times - 0.08)), np.cos(2 * (times - 0.08))], axis=1)
    assert teleop.estimate_delay(late, signal, 30.0) == pytest.approx(0.08, abs=0.003)


def test_settled_is_what_has_held_for_long_enough():
    stamps = np.arange(10) / 10
    true = np.array([0, 1, 1, 1, 1, 0, 1, 1, 1, 1], bool)
    assert np.flatnonzero(teleop.settled_mask(stamps, true, 0.2)).tolist() == [3, 4, 8, 9]


# The command

def test_the_table_of_a_recording(recordings, tmp_path, capsys):
    recording = recordings['right']
    path = tmp_path / 'hand.npz'
    np.savez(path, keypoints_3d=recording.keypoints[:160], stamps=recording.stamps[:160], side='right')
    out = tmp_path / 'figures.json'
    assert main(['evaluate', 'teleop', '--recording', str(path), '--hand', 'capsule', '--no-simulation',
                 '--json', str(out)]) == 0
    printed = capsys.readouterr().out
    assert '160 images of a right hand' in printed and '| capsule |' in printed and 'simulated' not in printed
    import json
    assert json.loads(out.read_text())['hands']['capsule']['touching, mm at most'] < 4


@pytest.mark.parametrize('arguments, words', [
    (['--hand', 'robotiq'], 'no hand'), (['--recording', 'nothing.npz'], 'nothing.npz'), (['--noise', '-1'], '--noise'),
    (['--noise', 'nan'], '--noise'), (['--max-speed', '0'], '--max-speed')])
def test_wrong_arguments_get_one_line(arguments, words, capsys):
    assert main(['evaluate', 'teleop', *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('hand4whole:') and words in error


@pytest.mark.parametrize('change', [
    lambda content: content.pop('side'), lambda content: content.update(keypoints_3d=np.zeros((3, 20, 3))),
    lambda content: content.update(side='both'), lambda content: content.update(stamps=np.zeros(3)),
    lambda content: content.update(keypoints_3d=np.full((3, 21, 3), np.nan))])
def test_a_recording_that_is_none_gets_one_line(change, tmp_path):
    content = {'keypoints_3d': np.zeros((3, 21, 3)), 'stamps': np.arange(3.0), 'side': 'left'}
    change(content)
    path = tmp_path / 'hand.npz'
    np.savez(path, **content)
    with pytest.raises(ValueError, match='hand.npz: expected'):
        teleop.load_recording(path)


# The guide

def test_the_code_of_the_guide_runs():
    guide = ROOT / 'docs' / 'guides' / 'teleoperation.md'
    code = guide.read_text().split('```python\n')[1].split('```')[0]
    names = {}
    exec(code, names)
    assert names['image'].shape == (480, 480, 3) and names['command'].reason == ''


def test_the_description_of_a_hand_in_the_guide_has_all_fields():
    import yaml
    guide = ROOT / 'docs' / 'guides' / 'teleoperation.md'
    blocks = [block.split('```')[0] for block in guide.read_text().split('```yaml\n')[1:]]
    content = yaml.safe_load(next(block for block in blocks if 'urdf' in block))
    assert set(content) == {*robot_hand._REQUIRED, *robot_hand._DEFAULTS}
