"""Outputs: whether they may be written, and writing them whole or not at all; and every command that has one."""

import json
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand4whole_ros.checkpoints.open_model import OPEN_MODEL_FILE
from hand4whole_ros.cli import main
from hand4whole_ros.media import image_files
from hand4whole_ros.rendering import contact_sheet
from hand4whole_ros.system import output_files
from hand4whole_ros.system.output_files import (
    OutputError,
    check_output_file,
    check_output_folder,
    is_inside,
    is_marked,
    path_identity,
)

PICTURE = np.full((24, 32, 3), (200, 40, 90), np.uint8)


def test_pictures_and_animations_bear_a_mark_and_are_what_they_were(tmp_path):
    for suffix in ('.png', '.jpg'):
        image_files.write_image(tmp_path / f'a{suffix}', PICTURE)
        assert is_marked(tmp_path / f'a{suffix}')
        np.testing.assert_allclose(image_files.read_image(tmp_path / f'a{suffix}').astype(int), PICTURE, atol=4)
        cv2.imwrite(str(tmp_path / f'b{suffix}'), PICTURE)
        assert not is_marked(tmp_path / f'b{suffix}')
        check_output_file(tmp_path / f'a{suffix}')
        with pytest.raises(OutputError, match='hand4whole did not write it'):
            check_output_file(tmp_path / f'b{suffix}')
    contact_sheet.write_gif(tmp_path / 'a.gif', [PICTURE] * 2, 10)
    assert is_marked(tmp_path / 'a.gif')
    with pytest.raises(image_files.ImageFileError, match='no picture format that can be written'):
        image_files.write_image(tmp_path / 'a.xyz', PICTURE)


def test_what_breaks_off_leaves_what_was_there(tmp_path):
    path = tmp_path / 'a.bin'
    path.write_bytes(b'before')
    path.chmod(0o600)
    with pytest.raises(KeyboardInterrupt), output_files.open_replacement(path) as stream:
        stream.write(b'half of')
        raise KeyboardInterrupt
    assert path.read_bytes() == b'before' and len(list(tmp_path.iterdir())) == 1
    output_files.write_file(path, b'after')
    assert path.read_bytes() == b'after' and path.stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_of_255_bytes_can_be_written(tmp_path):
    path = tmp_path / ('x' * 251 + '.png')
    image_files.write_image(path, PICTURE)
    assert image_files.read_image(path).shape == PICTURE.shape


def test_where_a_path_leads(tmp_path):
    folder = tmp_path / 'a' / 'b'
    folder.mkdir(parents=True)
    (tmp_path / 'link').symlink_to('a')
    assert (
        path_identity(tmp_path / 'link' / 'b')
        == path_identity(folder)
        == path_identity(tmp_path / 'gone' / '..' / 'a' / 'b')
    )
    assert is_inside(tmp_path / 'link' / 'b' / 'new' / 'x', tmp_path / 'a') and is_inside(folder, folder)
    assert not is_inside(tmp_path / 'ab', tmp_path / 'a') and not is_inside(tmp_path / 'a', folder)
    (tmp_path / 'round').symlink_to('round')
    with pytest.raises(OutputError, match='round cannot be written: Too many levels of symbolic links'):
        check_output_file(tmp_path / 'round')
    check_output_folder(tmp_path / 'new' / 'folder')
    assert not (tmp_path / 'new').exists() and len(list(folder.iterdir())) == 0


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists('/usr/bin/setpriv'), reason='root may write everywhere')
def test_folders_that_may_not_be_written_and_files_that_are_read_only(tmp_path):
    """As somebody who may not do everything: in a process of its own where that is root."""
    import subprocess
    import sys
    (tmp_path / 'closed').mkdir(mode=0o555)
    (tmp_path / 'open').mkdir(mode=0o777)
    (tmp_path / 'open').chmod(0o777)
    (tmp_path / 'open' / 'mine.png').write_bytes(image_files.encode_image(PICTURE, '.png'))
    (tmp_path / 'open' / 'mine.png').chmod(0o444)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith('/tmp/'):
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    code = ('import sys; sys.path[:0] = [sys.argv[1]]\n'
            'from pathlib import Path\nfrom hand4whole_ros.system import output_files as o\n'
            'for path in map(Path, sys.argv[2:]):\n'
            '    try:\n        o.check_output_file(path)\n        print("fine")\n'
            '    except o.OutputError as error:\n        print(error)\n')
    words = [sys.executable, '-c', code, str(Path(output_files.__file__).parents[2]),
             *(str(tmp_path / name) for name in ('closed/x.png', 'closed/y/x.png', 'open/mine.png', 'open/new.png'))]
    if os.geteuid() == 0:
        words = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--', *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if 'Permission denied' in done.stderr or 'No module' in done.stderr or 'setpriv' in done.stderr:
        pytest.skip('nobody may not read this package')
    said = done.stdout.splitlines()
    assert len(said) == 4, done.stderr
    assert 'closed/x.png cannot be written' in said[0] and 'Permission denied' in said[0]
    assert 'closed/y/x.png cannot be written' in said[1] and said[3] == 'fine'
    assert 'open/mine.png may not be written: it is read-only' in said[2]


# Every command.

@pytest.fixture
def theirs(tmp_path):
    """Somebody's files, none of which is lost."""
    (tmp_path / 'data.json').write_text('{"my": "figures"}')
    (tmp_path / 'drawing.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    np.savez(tmp_path / 'model.npz', mine=np.arange(3))
    (tmp_path / 'photo.png').write_bytes(cv2.imencode('.png', PICTURE)[1].tobytes())
    weights = tmp_path / 'weights'
    weights.mkdir()
    (weights / 'snapshot_6.pth').write_bytes(b'published')
    run = tmp_path / 'run'
    run.mkdir()
    (run / 'settings.json').write_text('{"theme": "dark"}')
    (run / 'hand.txt').write_text('x')
    earlier = tmp_path / 'earlier'
    earlier.mkdir()
    for name in ('body_guess.pt', 'weights_guess.pt', 'body.pt', 'without_0'):
        (earlier / name).write_bytes(b'an earlier version')
    return tmp_path


@pytest.mark.parametrize('words, says', [
    (['evaluate', 'synthetic', '--json', 'data.json'], 'data.json is there already, and hand4whole did not write it'),
    (['evaluate', 'synthetic', '--json', '.'], 'is a folder; name a file'),
    (['evaluate', 'synthetic', '--json', 'photo.png/x.json'], 'photo.png is no folder'),
    (['evaluate', 'ehf', '--root', '.', '--json', 'photo.png'], 'hand4whole did not write it'),
    (['evaluate', 'ablation', 'synthetic', '--json', 'photo.png'], 'hand4whole did not write it'),
    (['bench', '--json', 'data.json'], 'data.json is there already, and hand4whole did not write it'),
    (['bench', '--picture', 'drawing.svg'], 'drawing.svg is there already, and hand4whole did not write it'),
    (['bench', '--json', 'x', '--picture', './x'], '--json and --picture are one file'),
    (['bench', '--json', '/proc/x'], '/proc/x cannot be written'),
    (['demo', '--output', 'photo.png'], '--output photo.png is a file; name a folder'),
    (['demo', '--output', '/proc/x'], '/proc/x cannot be written'),
    (['train', 'people', '--output', 'photo.png'], 'photo.png is no folder'),
    (['train', 'initial', '--people', '.', '--run', 'weights'], 'holds snapshot_6.pth and no training: name a new'),
    (['train', 'body', '--people', '.', '--run', 'earlier'], 'body_guess.pt, of a training by an earlier version'),
    (['train', 'cham', '--people', '.', '--run', 'photo.png'], 'photo.png is no folder'),
    (['train', 'published', '--data', 'arctic=.', '--run', 'weights'], 'holds snapshot_6.pth and no training'),
    (['train', 'published', '--data', 'arctic=.', '--run', 'run'], 'holds hand.txt and no training'),
    (['train', 'pack', '--run', 'weights', '--output', 'model.npz'], 'no stage of a training is done there'),
    (['train', 'curves', '--run', 'weights', '--output', 'drawing.svg'], 'hand4whole did not write it'),
    (['train', 'curves', '--run', 'weights', '--output', 'new.svg'], 'no training is there')])
def test_every_command_refuses_before_its_work(theirs, monkeypatch, capfd, words, says):
    monkeypatch.chdir(theirs)
    before = {path: path.read_bytes() for path in theirs.rglob('*') if path.is_file()}
    assert main.main(words) == main.EXIT_USAGE
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith('hand4whole: ')]
    assert says in line
    assert {path: path.read_bytes() for path in theirs.rglob('*') if path.is_file()} == before


def test_a_model_that_was_packed_is_known_again(theirs, tmp_path):
    assert OPEN_MODEL_FILE.matches(OPEN_MODEL_FILE.bundled)
    assert not OPEN_MODEL_FILE.matches(theirs / 'model.npz') and not OPEN_MODEL_FILE.matches(theirs / 'photo.png')
    with zipfile.ZipFile(tmp_path / 'empty.npz', 'w'):
        pass
    assert not OPEN_MODEL_FILE.matches(tmp_path / 'empty.npz')


def test_json_of_a_command_says_where_it_comes_from_and_is_replaced(tmp_path):
    output_files.write_json(tmp_path / 'x.json', {'a': 1})
    assert json.loads((tmp_path / 'x.json').read_text()) == {'origin': 'written by hand4whole_ros', 'a': 1}
    check_output_file(tmp_path / 'x.json')


def test_a_contact_sheet_of_training_pictures_is_no_place_for_a_photograph(theirs, capsys):
    from hand4whole_ros.synthetic import source
    with pytest.raises(SystemExit) as end:
        source.main([str(theirs / 'photo.png')])
    assert end.value.code == 2 and 'hand4whole did not write it' in capsys.readouterr().err
