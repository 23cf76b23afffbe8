"""What a running process holds, as the kernel says."""

import os
from pathlib import Path


def threads(pid):
    """How many threads it has."""
    return _status(pid, 'Threads')


def memory(pid):
    """Resident memory, MB."""
    return _status(pid, 'VmRSS') / 1024


def own_memory(pid):
    """What it has made itself, MB: resident memory without the pages of libraries and other files.

    Those the kernel takes away when it wants room, and brings back when they are used: tens of megabytes come and go
    that have nothing to do with what the process does.
    """
    return (_status(pid, 'RssAnon') + _status(pid, 'RssShmem')) / 1024


class Peak:
    """Megabytes by which this process grew at most beyond what it held in the beginning: a context manager."""

    def __enter__(self):
        Path('/proc/self/clear_refs').write_text('5')   # the system forgets the most that it ever held
        self._previous_handlers = memory('self')
        return self

    def __exit__(self, *_):
        self.megabytes = max(_status('self', 'VmHWM') / 1024 - self._previous_handlers, 0.0)


def handles(pid):
    """Open files, sockets and pipes: descriptor -> what it leads to."""
    found = {}
    for entry in Path(f'/proc/{pid}/fd').iterdir():
        try:
            found[entry.name] = os.readlink(entry)
        except FileNotFoundError:
            continue    # closed meanwhile
    return found


def sockets(pid):
    """Its sockets of the internet protocols: {(kind, port, listens)}, kind as in /proc/net."""
    own = {target[8:-1] for target in handles(pid).values() if target.startswith('socket:')}
    found = set()
    for kind in ('tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'):
        table = Path(f'/proc/{pid}/net/{kind}')
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            words = line.split()
            if words[9] in own:
                found.add((kind, int(words[1].rpartition(':')[2], 16), words[3] == '0A'))
    return found


def _status(pid, name):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(name + ':'):
            return int(line.split()[1])
    raise KeyError(name)
