"""Programs in processes of their own that need not import torch: a process that did nothing else is forked for each."""

import multiprocessing
import subprocess
import sys
import tempfile

#: Before the program: its arguments, and where it writes to.
_PROLOGUE = """
import os
import sys
sys.argv[1:] = arguments
_file = os.open(output, os.O_WRONLY | os.O_APPEND)
os.dup2(_file, 1)
os.dup2(_file, 2)
"""


def run(program: str, *arguments, timeout: float = 300) -> subprocess.CompletedProcess:
    """Its exit status and, in `stdout`, everything that it writes. Raises subprocess.TimeoutExpired."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['torch'])
    with tempfile.NamedTemporaryFile('r') as output:
        names = {'arguments': [*map(str, arguments)], 'output': output.name}
        child = context.Process(target=exec, args=(_PROLOGUE + program, names))
        child.start()
        child.join(timeout)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired([sys.executable, '-c', program], timeout, output.read())
        return subprocess.CompletedProcess([sys.executable, '-c', program], child.exitcode, output.read())
