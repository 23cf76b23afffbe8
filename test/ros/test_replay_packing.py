"""Estimates as bytes, and the file they are kept in."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scripted_node import grasped_object, loose_hand, person

from hand4whole_ros.apps.replay.journal import Journal
from hand4whole_ros.apps.replay.packed_estimates import pack, unpack
from hand4whole_ros.geometry.camera import Intrinsics

CAMERA = Intrinsics(300.0, 301.0, 159.5, 119.5, 320, 240, (0.1, 0.0, 0.0, 0.01), 'plumb_bob')


def test_an_estimate_comes_back_as_it_was_but_for_the_times_it_took(body):
    someone = person(body, CAMERA)
    right = replace(someone.right_hand, betas=np.linspace(-1, 1, 10, dtype=np.float32))
    someone = replace(someone, left_hand=replace(someone.left_hand, betas=None), right_hand=right, confidence=1 / 3)
    thing = grasped_object(CAMERA)
    nobodys = loose_hand(right, side_confidence=0.7, track_id=3, object=thing, agreement=0.25, depth_measured=True)
    data = pack({'people': [someone, someone], 'loose_hands': [nobodys], 'intrinsics': CAMERA, 'stamp': 2**60 + 1})
    back = unpack(data)
    (hand,) = back['loose_hands']
    assert (hand.side, hand.side_confidence, hand.track_id, hand.betas) == ('right', 0.7, 3, None)
    assert np.array_equal(hand.keypoints_3d, right.keypoints_3d)
    assert (hand.agreement, hand.depth_measured) == (0.25, True)
    assert np.array_equal(hand.object.corners_2d, thing.corners_2d) and hand.object.confidence == 0.75
    assert back['intrinsics'] == CAMERA and back['stamp'] == 2**60 + 1
    for one in back['people']:
        assert one.stage_times == {} and one.vertices is None and one.confidence == 1 / 3
        assert one.left_hand.betas is None and np.array_equal(one.right_hand.betas, right.betas)
        for field in fields(someone):
            if isinstance(getattr(someone, field.name), np.ndarray):
                assert np.array_equal(getattr(one, field.name), getattr(someone, field.name)), field.name
    assert pack(back) == data == pack(unpack(data))


@pytest.mark.parametrize('data', [
    b'', b'\xff\xff\xff\xff', b'\x02\x00\x00\x00{}', b'\x02\x00\x00\x00[]\x00\x00\x00\x00'])
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError):
        unpack(data)


def test_what_was_put_into_a_journal_is_kept(tmp_path):
    path = tmp_path / 'journal'
    journal = Journal(path)
    for number, data in ((3, b'three'), (1, b''), (2, b'two' * 1000)):
        journal.put(number, data)
    journal.close()
    journal = Journal(path)
    assert {number for number in range(5) if number in journal} == {3, 1, 2} and len(journal) == 3
    assert journal.get(3) == b'three' and journal.get(1) == b'' and journal.get(4) is None
    journal.close()


@pytest.mark.parametrize('content', [
    lambda whole: whole[:-5000], lambda whole: b'something else' * 300, lambda whole: b''])
def test_a_damaged_journal_is_begun_afresh(tmp_path, content):
    path = tmp_path / 'journal'
    journal = Journal(path)
    for number in range(30):
        journal.put(number, bytes([number]) * 1000)
    journal.close()
    path.write_bytes(content(path.read_bytes()))
    journal = Journal(path)
    assert len(journal) == 0
    journal.put(0, b'anew')
    assert journal.get(0) == b'anew'
    journal.close()
