"""What the package's own code never does: unpickle, evaluate, or build a command line from text."""

import ast

import pytest
from fault_figures import note
from locations import ROOT

PACKAGE = ROOT / 'hand4whole_ros'
FILES = sorted(path for path in PACKAGE.rglob('*.py') if path.parent.name != 'msg')

#: These read pickles by themselves, with every name in them replaced; see their own tests.
PICKLE_READERS = {'checkpoints/safe_pickle/array_pickles.py': {'pickle.Unpickler'}}


def dotted(node):
    """'torch.load' of an attribute or a name; '' of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f'{inner}.{node.attr}'
    return ''


def keyword(call, name):
    """The constant given for a keyword; None where it is not given."""
    return next((ast.literal_eval(k.value) if isinstance(k.value, ast.Constant) else k.value
                 for k in call.keywords if k.arg == name), None)


def _only_texts(call):
    """yaml.load(..., Loader=yaml.BaseLoader) makes nothing but lists and dictionaries of texts."""
    return any(k.arg == 'Loader' and dotted(k.value) == 'yaml.BaseLoader' for k in call.keywords)


def objections(tree):
    """(line, what) of every call that could run what a file or a stranger says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ('pickle', 'marshal', 'shelve', 'dill', 'joblib'):
            yield node.lineno, f'from {node.module} import'
        if isinstance(node, ast.ClassDef):
            yield from ((node.lineno, dotted(base)) for base in node.bases if 'Unpickler' in dotted(base))
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        last = name.rpartition('.')[2]
        if name in ('eval', 'exec', 'compile', '__import__') or name.startswith(('marshal.', 'shelve.', 'joblib.')):
            yield node.lineno, name
        elif name.startswith(('pickle.load', 'dill.', 'cPickle.', 'torch.jit.load', 'torch.hub.', 'pd.read_pickle')):
            yield node.lineno, name
        elif name == 'torch.load' and keyword(node, 'weights_only') is not True:
            yield node.lineno, 'torch.load without weights_only=True'
        elif name in ('np.load', 'numpy.load') and keyword(node, 'allow_pickle') is not False:
            yield node.lineno, 'np.load without allow_pickle=False'
        elif last in ('load', 'load_all', 'unsafe_load', 'full_load') and name.startswith('yaml.') and not (
                _only_texts(node)):
            yield node.lineno, f'{name} instead of yaml.safe_load'
        elif name in ('os.system', 'os.popen', 'subprocess.getoutput', 'subprocess.getstatusoutput'):
            yield node.lineno, name
        elif keyword(node, 'shell') not in (None, False):
            yield node.lineno, f'{name} with shell'
        elif name.startswith('subprocess.') and node.args and isinstance(node.args[0], (ast.Constant, ast.JoinedStr)):
            yield node.lineno, f'{name} of a text instead of a list'


def test_no_file_of_the_package_runs_what_it_reads():
    found = {}
    for path in FILES:
        place = str(path.relative_to(PACKAGE))
        known = PICKLE_READERS.get(place, set())
        for line, what in objections(ast.parse(path.read_text())):
            if what not in known:
                found[f'{place}:{line}'] = what
    assert not found
    note('code that would run what it reads', 'eval, exec, pickle, torch.load, np.load, yaml.load, shells, commands '
         'from text: every call in the package', f'{len(FILES)} files',
         f'none but {sorted(PICKLE_READERS)[0]}, which has tests of its own')


@pytest.mark.parametrize('code', [
    'eval(text)', 'exec(text)', 'pickle.load(f)', 'import torch\ntorch.load(p)', 'torch.load(p, weights_only=False)',
    'torch.load(p, weights_only=safe)', 'np.load(p)', 'np.load(p, allow_pickle=True)', 'yaml.load(f)',
    'yaml.load(f, Loader=yaml.FullLoader)', 'os.system(c)', 'subprocess.run(c, shell=True)',
    'subprocess.run(f"ls {x}")', 'from pickle import loads', 'class U(pickle.Unpickler): pass',
    'joblib.load(p)'])
def test_the_search_finds(code):
    assert list(objections(ast.parse(code)))


@pytest.mark.parametrize('code', [
    'torch.load(p, weights_only=True)', 'np.load(p, allow_pickle=False)', 'yaml.safe_load(f)', 're.compile(x)',
    'yaml.load(f, Loader=yaml.BaseLoader)', 'subprocess.run([program, x])', 'cls.load(path)', 'network.eval()'])
def test_the_search_lets_pass(code):
    assert not list(objections(ast.parse(code)))
