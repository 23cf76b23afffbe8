"""`hand4whole replay` among a user's files: it replaces bags of its own alone, and works in no folder of the user's."""

import os
import shutil

import pytest
from bag_maker import files, messages, read, write
from scripted_estimate import write_video
from scripted_node import picture
from scripted_replay import QuickEstimator, replay

from hand4whole_ros.ros.bag.ownership import overwrite_rejection_reason

POSES = '/hand4whole/poses'


def contents(folder):
    """{path: bytes, or where a link leads} of everything in a folder."""
    return {str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
            for path in sorted(folder.rglob('*')) if path.is_symlink() or path.is_file()}


def refused(tmp_path, says, *words):
    """It is one line, before the estimator is made, and nothing is other than it was."""
    before = contents(tmp_path)
    with pytest.raises(ValueError) as error:
        replay(*words, create=None)     # an estimator would be a TypeError
    assert says in str(error.value) and '\n' not in str(error.value)
    assert contents(tmp_path) == before


@pytest.fixture
def rec(tmp_path):
    """Recordings with notes beside them, and links to them."""
    write(tmp_path / 'rec' / 'bag1')
    (tmp_path / 'rec' / 'notes.txt').write_text('do not lose me')
    (tmp_path / 'link').symlink_to('rec')
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'a.jpg').write_bytes(b'a photograph')
    return tmp_path / 'rec'


@pytest.mark.parametrize('source, output, says', [
    ('rec/bag1', 'rec', 'rec holds the input'), ('rec/bag1', 'link', 'link holds the input'),
    ('rec/bag1', '.', 'holds the input'),
    ('rec/bag1', 'rec/bag1', 'the output cannot be the input'),
    ('rec/bag1', 'link/bag1', 'the output cannot be the input'),
    ('rec/bag1', 'rec/bag1/out', 'is in the input'), ('rec/bag1', 'link/bag1/x/y', 'is in the input'),
    ('rec/bag1/bag1.mcap', 'rec/bag1', 'holds the input'),
    ('rec', 'rec', 'the output cannot be the input'), ('rec', 'link', 'the output cannot be the input'),
    ('rec', 'rec/out', 'is in the input'), ('rec', '.', 'holds the input'),
    ('rec/bag1', 'photos', 'photos is not replaced: it is no bag that hand4whole wrote'),
    ('rec/bag1', 'rec/notes.txt', 'notes.txt is not replaced: it is a file'),
    ('rec/bag1', 'rec/notes.txt/x', 'notes.txt is no folder'),
    ('rec', 'photos/a.jpg', 'photos/a.jpg is a file; name the folder of the new bags'),
    ('rec/bag1', '/proc/x', '/proc/x cannot be written'), ('rec', '/proc/x', 'cannot be written')])
def test_an_output_that_is_not_its_own_is_refused(rec, tmp_path, monkeypatch, source, output, says):
    monkeypatch.chdir(tmp_path)
    refused(tmp_path, says, source, '--output', output, '--force')


def test_the_work_folder_may_not_hold_the_input_either(tmp_path):
    source = write(tmp_path / 'out.partial' / 'new' / 'in')
    refused(tmp_path, 'out.partial holds the input', source, '--output', tmp_path / 'out', '--force')


def test_a_recording_is_not_replaced_and_a_bag_of_its_own_is(rec, tmp_path):
    source, output = rec / 'bag1', tmp_path / 'out'
    recorded = write(tmp_path / 'recorded')
    refused(tmp_path, 'recorded is not replaced: it is no bag that hand4whole wrote', source, '--output', recorded,
            '--force')
    assert replay(source, '--output', output) == 0
    assert overwrite_rejection_reason(output) == ''
    (output / 'remarks.txt').write_text('do not lose me')
    refused(tmp_path, 'out is not replaced: it holds remarks.txt, which is not of the bag', source, '--output', output,
            '--force')
    (output / 'remarks.txt').rename(output / 'out.mcap-wal')    # as SQLite leaves them
    assert replay(source, '--output', output, '--force') == 0
    assert sorted(files(output)) == ['metadata.yaml', 'out.mcap']
    (tmp_path / 'empty').mkdir()
    assert replay(source, '--output', tmp_path / 'empty', '--force') == 0


@pytest.mark.parametrize('text', ['', 'x', '[]', '{rosbag2_bagfile_information: {custom_data: 3}}', '&a [*a]',
                                  '{' * 5000, 'rosbag2_bagfile_information: {custom_data: {hand4whole replay: x}}'])
def test_metadata_that_say_nothing_of_it(tmp_path, text):
    (tmp_path / 'metadata.yaml').write_text(text)
    assert overwrite_rejection_reason(tmp_path) == 'it is no bag that hand4whole wrote'


def test_a_link_to_a_bag_of_its_own_is_replaced_and_the_bag_stays(rec, tmp_path):
    assert replay(rec / 'bag1', '--output', tmp_path / 'real') == 0
    before = files(tmp_path / 'real')
    (tmp_path / 'out').symlink_to('real')
    assert replay(rec / 'bag1', '--output', tmp_path / 'out', '--force') == 0
    assert not (tmp_path / 'out').is_symlink() and files(tmp_path / 'real') == before


@pytest.mark.parametrize('made', ['notes', 'new', 'plan', 'list', 'estimates', 'file', 'link', 'beside'])
def test_a_folder_of_that_name_which_the_user_made_is_left_alone(rec, tmp_path, made):
    part = tmp_path / 'out.partial'
    if made == 'file':
        part.write_text('do not lose me')
    elif made == 'link':
        part.symlink_to('photos')
    else:
        (part / 'new').mkdir(parents=True)
        name = {'notes': 'notes.txt', 'new': 'new/mine.txt', 'plan': 'plan.json', 'list': 'plan.json',
                'estimates': 'estimates', 'beside': 'mine.txt'}[made]
        (part / name).write_text('[1]' if made == 'list' else '{"holidays": 3}')
        if made == 'beside':
            (part / 'plan.json').write_text('{"input": "another"}')
    refused(tmp_path, 'out.partial is needed for unfinished work, and is not of this package', rec / 'bag1', '--output',
            tmp_path / 'out', '--force')


def test_what_comes_to_the_place_of_the_output_meanwhile_is_not_replaced(rec, tmp_path):
    output = tmp_path / 'out'

    class Slow(QuickEstimator):
        def estimate(self, image, intrinsics, stamp=None):
            output.mkdir(exist_ok=True)
            (output / 'mine.txt').write_text('do not lose me')
            return super().estimate(image, intrinsics)
    for words, says in (((), 'out exists already'), (('--force',), 'is not replaced: it is no bag that hand4whole')):
        shutil.rmtree(tmp_path / 'out.partial', ignore_errors=True)
        with pytest.raises(ValueError) as error:
            replay(rec / 'bag1', '--output', output, *words, create=Slow)
        assert says in str(error.value) and 'what is done is kept in' in str(error.value)
        assert files(output) == {'mine.txt': b'do not lose me'}
        (output / 'mine.txt').unlink()
        output.rmdir()
    assert replay(rec / 'bag1', '--output', output) == 0


def test_inputs_that_differ_in_what_follows_a_dot_have_outputs_of_their_own(tmp_path, caplog):
    caplog.set_level('INFO')
    folder = tmp_path / 'in'
    for name in ('run.1', 'run.2'):
        write(folder / name, messages([picture(1)] * 2))
    write_video(folder / 'clip.avi')
    (folder / 'notes.txt').write_text('x')
    assert replay(folder, '--output', tmp_path / 'out') == 0
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['clip', 'run_1', 'run_2']
    assert all(len(read(tmp_path / 'out' / name)[POSES]) == 2 for name in ('run_1', 'run_2'))
    assert f'{folder}: left out: 1 .txt' in caplog.text


def test_in_a_folder_of_outputs_what_is_in_the_way_costs_its_input_alone(tmp_path, caplog):
    caplog.set_level('INFO')
    for name in ('one', 'two', 'three'):
        write(tmp_path / 'in' / name)
    out = tmp_path / 'out'
    (out / 'one').mkdir(parents=True)
    (out / 'one' / 'mine.txt').write_text('do not lose me')
    (out / 'three').mkdir()
    for words in ((), ('--force',)):
        assert replay(tmp_path / 'in', '--output', out, *words) == 2
        assert files(out / 'one') == {'mine.txt': b'do not lose me'} and len(read(out / 'two')[POSES]) == 3
    assert 'out/one is in the way: it is no bag that hand4whole wrote' in caplog.text
    assert 'out/three is in the way: it is an empty folder' in caplog.text
    assert 'out/one is not replaced: it is no bag that hand4whole wrote' in caplog.text
    assert len(read(out / 'three')[POSES]) == 3


def test_names_of_any_bytes(tmp_path):
    write(tmp_path / 'mcap').rename(tmp_path / os.fsdecode(b'b\xe9g'))
    assert replay(tmp_path / os.fsdecode(b'b\xe9g'), '--output', tmp_path / 'out') == 0
    assert len(read(tmp_path / 'out')[POSES]) == 3
    refused(tmp_path, 'o\\xe9: the path of a bag has to be UTF-8; choose another output', tmp_path / 'out', '--output',
            tmp_path / os.fsdecode(b'o\xe9'))
    write(tmp_path / 'sqlite3', storage='sqlite3').rename(tmp_path / os.fsdecode(b's\xe9'))
    assert replay(tmp_path / os.fsdecode(b's\xe9'), '--output', tmp_path / 'out2') == 0
    assert len(read(tmp_path / 'out2')[POSES]) == 3


def test_an_output_that_cannot_be_written_in_the_end_is_one_line(rec, tmp_path):
    class Vandal(QuickEstimator):
        def estimate(self, image, intrinsics, stamp=None):
            shutil.rmtree(tmp_path / 'out.partial', ignore_errors=True)
            return super().estimate(image, intrinsics)
    with pytest.raises(RuntimeError) as error:
        replay(rec / 'bag1', '--output', tmp_path / 'out', create=Vandal)
    assert str(error.value).startswith(f'{tmp_path}/out cannot be written: ') and '\n' not in str(error.value)
