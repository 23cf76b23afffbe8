"""The documentation: it builds without a warning, and what it quotes exists."""

import argparse
import ast
import re
import shlex
import subprocess
import sys
import textwrap

import pytest
from locations import ROOT

from hand4whole_ros.cli.main import create_parser
from hand4whole_ros.ros.node import launch_arguments
from hand4whole_ros.ros.play import launch_plan

sys.path.insert(0, str(ROOT / 'build_support'))

import generated_docs  # noqa: E402

DOCS = ROOT / 'docs'
PACKAGE = ROOT / 'hand4whole_ros'
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md',
         *(page for page in sorted(DOCS.rglob('*.md')) if '_build' not in page.parts)]
#: The packages of hand4whole_ros.
ROOMS = [folder.name for folder in PACKAGE.iterdir() if (folder / '__init__.py').is_file()]
LAUNCH_ARGUMENTS = {'estimate': launch_arguments.ARGUMENTS, 'replay': launch_plan.ARGUMENTS}

_FENCE = re.compile(r'^( *)```(\w*)\n(.*?)^\1```', re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r'`([^`]+)`')
_FILE = re.compile(r'(?<![\w/.*{-])[\w./]*\w\.(?:py|msg|rviz|yaml|cfg|toml)\b')
_MODULE = re.compile(r'\bhand4whole_ros(?:\.\w+)+')
_PAGE = re.compile(r'\bdocs/[\w/]+\.md\b')
#: Files of the reader's own, of other projects, or of a recording; and modules of messages.
_NOT_OURS = {'metadata.yaml', 'teleop.yaml', 'geometry_msgs.msg', 'hand4whole_ros.msg', 'rs_launch.py',
             'camera.launch.py', 'zed_camera.launch.py'}


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page, *languages):
    """Fenced blocks in one of these languages; without any, all of them."""
    return [text for _, language, text in _FENCE.findall(page.read_text()) if not languages or language in languages]


def command_lines(page):
    """The command lines of a page's blocks, without comments."""
    for block in blocks(page, '', 'bash'):
        for line in block.replace('\\\n', ' ').splitlines():
            line = re.sub(r'\s#.*', '', line).strip()
            if line and '─' not in line:
                yield line.partition(' && ')[0] if line.startswith('colcon') else line


def hand4whole_commands(page):
    for line in command_lines(page):
        found = re.match(r'(?:torchrun .* -- |\S*/)?hand4whole (.*)', line)
        if found:
            yield found[1]


def parse(arguments):
    """What is wrong with the arguments of `hand4whole`; None for nothing."""
    try:
        create_parser().parse_args(arguments)
    except SystemExit as end:
        return end.code or None
    return None


def quoted(page):
    """Everything a page puts as code, in a block or in a line of text."""
    text = page.read_text()
    return [block for _, _, block in _FENCE.findall(text)] + _INLINE.findall(_FENCE.sub('', text))


def files_of_the_project():
    """Paths of every file that a page may name, relative to the root."""
    found = {path.name for path in ROOT.iterdir() if path.is_file()}
    for folder in ('hand4whole_ros', 'test', 'docs', 'config', 'launch', 'msg', 'build_support', 'scripts', 'resource'):
        found |= {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob('*') if path.is_file()}
    return found


# The build

def test_it_builds_without_a_warning(tmp_path):
    for library in ('sphinx', 'myst_parser', 'furo'):
        pytest.importorskip(library)
    done = subprocess.run([sys.executable, '-m', 'sphinx', '-b', 'html', '-W', '--keep-going', '-q', DOCS, tmp_path],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'index.html').is_file()


def test_every_page_can_be_reached_from_the_index():
    toctrees = re.findall(r'```\{toctree\}(.*?)```', (DOCS / 'index.md').read_text(), re.DOTALL)
    lines = [line.strip() for block in toctrees for line in block.splitlines()]
    listed = {line for line in lines if line and not line.startswith(':')}
    pages = {str(page.relative_to(DOCS))[:-3] for page in PAGES if page.is_relative_to(DOCS)}
    assert pages - {'index'} == listed


@pytest.mark.parametrize('page', [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md'], ids=name_of)
def test_links_outside_the_documentation_lead_somewhere(page):
    links = re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', page.read_text())
    assert links and [link for link in links if not (ROOT / link).exists()] == []


# What follows from the code

@pytest.mark.parametrize('page', [page for page in PAGES if generated_docs.names(page.read_text())], ids=name_of)
def test_generated_parts_are_what_the_code_gives(page):
    text = page.read_text()
    assert generated_docs.generated(text) == text, 'run: python build_support/generated_docs.py'


@pytest.mark.parametrize('file, node', generated_docs.PARAMS_FILES.items(), ids=str)
def test_parameter_files_are_what_the_code_gives(file, node):
    assert generated_docs.params_file(node) == file.read_text(), 'run: python build_support/generated_docs.py'


@pytest.mark.parametrize('file, name', generated_docs.SCHEMA_FILES.items(), ids=str)
def test_schemas_are_what_the_code_gives(file, name):
    assert generated_docs.schema_file(name) == file.read_text(), 'run: python build_support/generated_docs.py'


def test_every_generated_part_is_on_one_page():
    found = [name for page in PAGES for name in generated_docs.names(page.read_text())]
    assert sorted(found) == sorted(generated_docs.PARTS)


# Command lines

@pytest.mark.parametrize('page', [page for page in PAGES if list(hand4whole_commands(page))], ids=name_of)
def test_commands_parse(page, capsys):
    for line in hand4whole_commands(page):
        arguments = shlex.split(line.replace('...', 'arctic=DIR'))
        assert parse(arguments) is None, f'hand4whole {line}: {capsys.readouterr().err}'


def test_a_wrong_option_is_noticed():
    assert parse(['estimate', 'photo.jpg', '--overlays', 'out']) == 2


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_commands_in_the_text_are_known(page):
    for code in _INLINE.findall(_FENCE.sub('', page.read_text())):
        words = code.split()
        if words[:1] != ['hand4whole'] or 'COMMAND' in words:
            continue
        command = create_parser()
        for word in words[1:]:
            kinds = next((a for a in command._actions if isinstance(a, argparse._SubParsersAction)), None)
            if word.startswith('--'):
                assert word in command._option_string_actions, f'{code}: {word}'
            elif kinds is not None and word != 'NAME':
                assert word in kinds.choices, f'{code}: {word}'
                command = kinds.choices[word]


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_launch_files_and_their_arguments_are_known(page):
    for line in [*command_lines(page), *_INLINE.findall(_FENCE.sub('', page.read_text()))]:
        given = re.findall(r'(\w+):=', line)
        found = re.match(r'ros2 launch hand4whole_ros (\w+)\.launch\.py', line)
        if found:
            assert (ROOT / 'launch' / f'{found[1]}.launch.py').is_file(), line
        if found or line.startswith('hand4whole run'):
            table = LAUNCH_ARGUMENTS.get(found[1] if found else 'estimate', ())
            assert set(given) <= {argument.name for argument in table}, line


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_targets_of_make_exist(page):
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    lines = [*command_lines(page), *_INLINE.findall(page.read_text())]
    assert {line.split()[1] for line in lines if re.match(r'make [a-z]', line)} <= targets


# Names of files and modules

@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    known = files_of_the_project()
    ends = {'/'.join(path.split('/')[k:]) for path in known for k in range(path.count('/') + 1)}
    missing = {name for code in quoted(page) for name in _FILE.findall(code)
               if name.lstrip('./') not in ends and name not in _NOT_OURS and not re.search(r'NAME|my_|://', name)}
    assert missing == set()


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_folders_that_are_named_exist(page):
    folders = [code for code in _INLINE.findall(_FENCE.sub('', page.read_text()))
               if re.fullmatch(rf'(?:{"|".join(ROOMS)}|hand4whole_ros|test|docs|config)(/\w+)*/', code)]
    assert [folder for folder in folders if not any((place / folder).is_dir() for place in (ROOT, PACKAGE))] == []


def defines(module, name):
    """Whether a file of Python defines or imports a name at its top level."""
    return any(name in (getattr(node, 'name', None), *(getattr(t, 'id', None) for t in getattr(node, 'targets', ())),
                        getattr(getattr(node, 'target', None), 'id', None),
                        *(alias.asname or alias.name for alias in getattr(node, 'names', ())
                          if isinstance(alias, ast.alias)))
               for node in ast.parse(module.read_text()).body)


def resolve(name):
    """Whether `hand4whole_ros.a.b.c` is a module, or something that a module defines."""
    place = PACKAGE
    for part in name.split('.')[1:]:
        if part == 'msg' and place == PACKAGE:
            return True     # compiled
        if (place / part).is_dir() or (place / f'{part}.py').is_file():
            place = place / part
        else:
            module = place.with_suffix('.py') if place.with_suffix('.py').is_file() else place / '__init__.py'
            return defines(module, part)
    return True


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_modules_that_are_named_exist(page):
    text = page.read_text()
    names = set(_MODULE.findall(_PAGE.sub('', text)))
    for block in blocks(page, 'python'):
        for node in ast.walk(ast.parse(textwrap.dedent(block))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith('hand4whole_ros'):
                names |= {f'{node.module}.{alias.name}' for alias in node.names}
    # A module without the package's name: `networks.open_model.IMAGE_ONLY`.
    rooms = '|'.join(ROOMS)
    for code in _INLINE.findall(_FENCE.sub('', text)):
        names |= {f'hand4whole_ros.{name}' for name in re.findall(rf'^(?:{rooms})(?:\.\w+)+(?![\w/(])', code)
                  if not name.endswith('.py')}
    assert {name for name in names if not re.search(r'\.(yaml|py|md)$', name) and not resolve(name)} == set()


def test_a_module_that_does_not_exist_is_noticed():
    assert resolve('hand4whole_ros.cli.main.create_parser') and resolve('hand4whole_ros.estimators')
    assert not resolve('hand4whole_ros.cli.nothing') and not resolve('hand4whole_ros.nothing')


def test_pages_that_the_code_names_exist():
    named = {}
    for folder in (PACKAGE, ROOT / 'test', ROOT / 'config', ROOT / 'build_support'):
        for file in folder.rglob('*'):
            if file.suffix in ('.py', '.yaml', '.xml'):
                named |= dict.fromkeys(_PAGE.findall(file.read_text()), name_of(file))
    assert len(named) > 3
    assert {page: file for page, file in named.items() if not (ROOT / page).is_file()} == {}
