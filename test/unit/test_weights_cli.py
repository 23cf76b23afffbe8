"""`hand4whole weights` as a user meets it."""

import dataclasses
import http.server
import pickle
import threading
from functools import partial

import pytest

from hand4whole_ros.checkpoints import command, fetch, files
from hand4whole_ros.cli import main


def run(capfd, *words):
    """Exit code, standard output, and the last line of the errors."""
    code = main.main(['weights', *map(str, words)])
    out, error = capfd.readouterr()
    assert 'Traceback' not in error
    return code, out, error.strip().rsplit('\n', 1)[-1]


@pytest.mark.parametrize('kind', ['list', 'fetch', 'verify', 'convert'])
def test_help_teaches_with_examples(kind, capsys):
    for words in ([], [kind]):
        with pytest.raises(SystemExit) as end:
            main.main(['weights', *words, '--help'])
        assert end.value.code == 0
        assert f'hand4whole weights {kind}' in capsys.readouterr().out.rsplit(':\n', 1)[1]


def test_the_list_says_what_is_where(published_folder, capfd):
    code, out, _ = run(capfd, 'list', '--folder', published_folder)
    assert code == main.EXIT_SUCCESS and '2 of 6 missing' in out
    for file in files.FILES:
        assert file.page in out and file.licence in out and file.purpose in out
    assert f'{published_folder}/mano/MANO_LEFT.npz, checksum not recorded: hand4whole weights verify' in out
    assert 'missing: hand4whole weights fetch wilor_final.ckpt\n' in out
    assert 'missing: hand4whole weights fetch snapshot_6.pth prints how to get it' in out


def test_the_list_needs_no_folder_and_no_torch(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv('HAND4WHOLE_WEIGHTS', str(tmp_path / 'none'))
    monkeypatch.setitem(__import__('sys').modules, 'torch', None)
    code, out, _ = run(capfd, 'list')
    assert code == main.EXIT_SUCCESS and '6 of 6 missing' in out and not (tmp_path / 'none').exists()


def test_files_behind_a_login_are_explained(tmp_path, capfd):
    code, out, _ = run(capfd, 'fetch', 'MANO_RIGHT', 'snapshot_6.pth', '--folder', tmp_path)
    assert code == main.EXIT_FAILURE
    assert 'https://mano.is.tue.mpg.de/' in out and f'put MANO_RIGHT.npz or MANO_RIGHT.pkl into {tmp_path}' in out
    assert 'https://drive.google.com/drive/folders/' in out and 'register' in out


@pytest.fixture
def published(tmp_path, monkeypatch):
    """WiLoR's entry of the table leads to a server on this machine."""
    (tmp_path / 'served').mkdir()
    (tmp_path / 'served/wilor_final.ckpt').write_bytes(b'weights')

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=tmp_path / 'served'))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    local = dataclasses.replace(files.WILOR, sha256=None,
                                address=f'http://127.0.0.1:{server.server_port}/wilor_final.ckpt')
    for module in (files, command):
        monkeypatch.setattr(module, 'FILES', (local,))
    monkeypatch.setattr(fetch, '_RETRY_DELAY', 0.0)
    yield tmp_path / 'served'
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_once_with_its_licence_said(published, tmp_path, capfd):
    folder = tmp_path / 'weights'
    code, out, _ = run(capfd, 'fetch', '--folder', folder)
    assert code == main.EXIT_SUCCESS and 'licence: CC BY-NC-ND' in out.split('SHA-256')[0]
    assert (folder / 'wilor_final.ckpt').read_bytes() == b'weights'
    code, out, _ = run(capfd, 'fetch', 'wilor_final.ckpt', '--folder', folder)
    assert code == main.EXIT_SUCCESS and 'is there' in out
    (folder / 'wilor_final.ckpt').write_bytes(b'Weights')
    assert 'has changed: its SHA-256' in run(capfd, 'list', '--folder', folder)[1]
    (folder / 'wilor_final.ckpt').unlink(), (published / 'wilor_final.ckpt').unlink()
    code, _, error = run(capfd, 'fetch', '--folder', folder)
    assert code == main.EXIT_FAILURE and error.startswith('hand4whole: http://127.0.0.1') and '404' in error


def test_models_are_verified_and_a_damaged_one_is_named(published_folder, tmp_path, capfd):
    for path in published_folder.rglob('*.npz'):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    code, out, _ = run(capfd, 'verify', '--folder', tmp_path)
    assert (
        code == main.EXIT_SUCCESS and out.count('ok ') == 4 and 'was not run: snapshot_6.pth, wilor_final.ckpt' in out
    )
    path = tmp_path / 'MANO_LEFT.npz'
    path.write_bytes((tmp_path / 'MANO_RIGHT.npz').read_bytes())
    code, out, _ = run(capfd, 'verify', '--folder', tmp_path)
    assert code == main.EXIT_FAILURE and f'WRONG   {path} has changed' in out
    assert run(capfd, 'verify', '--renew', '--folder', tmp_path)[0] == main.EXIT_SUCCESS
    path.write_bytes(path.read_bytes()[:5000])
    code, out, _ = run(capfd, 'verify', '--folder', tmp_path)
    assert code == main.EXIT_FAILURE and f'WRONG   {path} cannot be read' in out


def test_pickles_of_a_folder_are_converted_and_then_fit(published_folder, tmp_path, capfd):
    for path in published_folder.rglob('*.pkl'):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    code, out, _ = run(capfd, 'verify', '--folder', tmp_path)
    assert code == main.EXIT_FAILURE and f'hand4whole weights convert {tmp_path}/MANO_RIGHT.pkl' in out
    code, out, _ = run(capfd, 'convert', '--folder', tmp_path)
    assert code == main.EXIT_SUCCESS and out.count('written and read back') == 3
    code, out, _ = run(capfd, 'verify', '--folder', tmp_path)
    assert code == main.EXIT_SUCCESS and out.count('ok ') == 3
    code, out, _ = run(capfd, 'convert', '--folder', tmp_path)
    assert code == main.EXIT_SUCCESS and 'nothing to convert' in out


def test_wrong_arguments_are_one_line_and_exit_2(published_folder, tmp_path, capfd):
    hostile = tmp_path / 'MANO_RIGHT.pkl'
    hostile.write_bytes(pickle.dumps({'hands_mean': print}))
    for words, says in ((['fetch', 'nope'], 'nope: not a published file'),
                        (['list', '--folder', tmp_path / 'none'], 'none: no such folder'),
                        (['verify', '--folder', hostile], 'no such folder'),
                        (['convert', '--output', 'x.npz'], 'exactly one'),
                        (['convert', tmp_path / 'none.pkl'], 'none.pkl cannot be read: No such file'),
                        (['convert', hostile], 'asks for builtins.print')):
        code, _, error = run(capfd, *words)
        assert code == main.EXIT_USAGE and error.startswith('hand4whole: ') and says in error, error


def test_an_empty_folder_is_nothing_to_verify(tmp_path, capfd):
    code, out, _ = run(capfd, 'verify', '--folder', tmp_path)
    assert code == main.EXIT_FAILURE and f'no published file is in {tmp_path}: hand4whole weights list' in out
