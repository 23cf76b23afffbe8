"""Hands that something is in front of: how they are drawn, recorded, and what each gate makes of them."""

import numpy as np
import pytest

from hand4whole_ros import estimators
from hand4whole_ros.cli import main
from hand4whole_ros.estimators.base import Estimator
from hand4whole_ros.evaluation import teleop_hidden
from hand4whole_ros.evaluation.teleop_hidden import HIDDEN, HiddenFrame, cover_hand, gate_figures, record_hidden_hand
from hand4whole_ros.evaluation.teleop_safety import random_hands
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.keypoint_agreement import measure_agreement
from hand4whole_ros.teleop.hand_gate import HandObservation

CAMERA = Intrinsics.from_fov(640, 480)


@pytest.mark.parametrize('share', [1.0, 0.5])
def test_a_cover_hides_the_part_of_a_hand_that_it_is_to(share):
    pixels = np.stack([np.linspace(300, 340, 21), np.linspace(200, 260, 21)], axis=-1)
    image = np.full((480, 640, 3), 255, np.uint8)
    image[:, :, 1] = 0
    before = image.copy()
    cover_hand(image, pixels, share, 3)
    hidden = np.array([(image[y, x] != before[y, x]).any() for x, y in pixels.round().astype(int)])
    assert hidden[:int(20 * share)].all() and not hidden[int(20 * share) + 1:].any()
    assert (image != before).any(2).mean() < 0.05


class Nobody(Estimator):
    """Sees nobody, and keeps what it was shown."""

    def __init__(self):
        self.shown, self.resets, self.closed = [], 0, 0
        self.body = None

    def estimate(self, image, intrinsics, stamp=None):
        self.shown.append((stamp, image))
        return []

    def reset(self):
        self.resets += 1

    def close(self):
        self.closed += 1


def test_an_operator_is_recorded_image_by_image():
    estimator = Nobody()
    frames = record_hidden_hand(estimator, 10, rate=1.0)
    assert [frame.stamp for frame in frames] == [stamp for stamp, _ in estimator.shown] and estimator.resets == 1
    assert [frame.hidden for frame in frames] == [any(a <= frame.stamp < b for a, b, _ in HIDDEN) for frame in frames]
    assert {True, False} == {frame.hidden for frame in frames} and all(frame.observation is None for frame in frames)
    with pytest.raises(ValueError, match='no gate has trusted any hand'):
        gate_figures(frames, 1.0)


def frames_of(wrong):
    """A hand that moves a little, seen exactly; in the frames of `hidden` as `wrong` makes it of the exact one."""
    (hand,), frames, hidden = random_hands(1, 4), [], slice(12, 18)
    for k in range(30):
        true = hand + np.array([0.002, 0, 0]) * k
        points = wrong(true) if hidden.start <= k < hidden.stop else true
        observation = None if points is None else HandObservation(
            k / 15, points, 0.9, measure_agreement(CAMERA.project(true), points, CAMERA))
        frames.append(HiddenFrame(k / 15, hidden.start <= k < hidden.stop, true, observation))
    return frames


def mirrored(hand):
    return hand * (-1, 1, 1) + (2 * hand[:, 0].mean(), 0, 0)


def test_a_hand_that_contradicts_what_is_seen_is_not_followed():
    figures = gate_figures(frames_of(mirrored), 15.0)
    assert figures['none']['hidden mm'] > 20 and figures['none']['followed hidden'] == 1
    assert figures['gate without agreement'] == pytest.approx(figures['none'])
    for name in ('agreement', 'strict agreement', 'gate'):
        assert figures[name]['followed hidden'] == 0 and figures[name]['followed visible'] == 1
        assert figures[name]['hidden mm'] < 1e-6
        assert figures[name]['jitter m/s3'] < 1e-3 * figures['none']['jitter m/s3']


def test_without_a_hand_every_gate_rests():
    figures = gate_figures(frames_of(lambda hand: None), 15.0)
    assert all(row['followed hidden'] == 0 and row['hidden mm'] < 1e-6 for row in figures.values())
    table = teleop_hidden.format_table(figures)
    assert [line.split('  ')[0] for line in table.split('\n')[1:]] == list(teleop_hidden.GATES)


@pytest.mark.parametrize('option', ['--hidden', '--depth'])
def test_output_is_checked_before_the_work_and_the_estimator_is_closed_after_it(option, tmp_path, capsys, monkeypatch):
    made = []

    def create(config):
        made.append(Nobody())
        return made[-1]
    monkeypatch.setattr(estimators, 'create', create)
    assert main.main(['evaluate', 'teleop', option, '1', '--json', str(tmp_path)]) == 2
    assert '--json' in capsys.readouterr().err and not made
    # Nobody is seen: no gate trusts any hand.
    monkeypatch.setattr(teleop_hidden, 'DURATION', 0.2)
    code = main.main(['evaluate', 'teleop', option, '1'])
    assert (code, capsys.readouterr().err) == (
        (1, 'hand4whole: no gate has trusted any hand\n') if option == '--hidden' else (0, ''))
    assert [one.closed for one in made] == [1]


def test_output_of_the_other_figures_is_checked_too(tmp_path, capsys):
    assert main.main(['evaluate', 'teleop', '--recording', 'none.npz', '--json', str(tmp_path)]) == 2
    assert '--json' in capsys.readouterr().err


def test_how_many_people_is_checked(capsys):
    assert main.main(['evaluate', 'teleop', '--hidden', '0']) == main.EXIT_USAGE
    assert '--hidden must be from 1 to 1000 people, found 0' in capsys.readouterr().err
