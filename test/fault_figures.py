"""What tests of faults measured, kept for docs/benchmarks/faults.md.

    HAND4WHOLE_FIGURES=figures.json python -m pytest test
    HAND4WHOLE_FIGURES=figures.json python -m pytest test/faults/test_soak.py -m soak
    python test/fault_figures.py figures.json
"""

import datetime
import json
import os
import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / 'docs' / 'benchmarks' / 'faults.md'
COLUMNS = ('fault', 'injected how', 'times', 'result', 'test')
_BEGIN, _END = '<!-- measured -->\n', '<!-- /measured -->'

#: Chapters of the page, and the tests whose rows they hold.
CHAPTERS = {
    'The camera': ('test_faults_camera',),
    'The estimator, memory, and what is published': ('test_faults_memory', 'test_fuzz_estimates'),
    'Signals, kills, names, disks': ('test_faults_process', 'test_estimate_files', 'test_demo'),
    'Life cycle and weights': ('test_faults_lifecycle', 'test_checkpoints'),
    'Bags and time': ('test_replay_interrupted', 'test_replay_ray', 'test_replay_play', 'test_ros_pipeline',
                      'test_bag_metadata', 'test_bag_files', 'test_own_results', 'test_play_latched',
                      'test_bag_cameras', 'test_faults_time'),
    'Random messages': ('test_fuzz_messages',),
    'Hostile files and parameters': ('test_security_sizes', 'test_security_bags', 'test_security_pickles',
                                     'test_security_parameter_files', 'test_security_code'),
    'The network': ('test_security_network',),
    'Soak': ('test_soak',)}


def note(fault, injected, times, result):
    """One row of the table; kept where $HAND4WHOLE_FIGURES names a file. Prints it in any case."""
    file, _, test = os.environ['PYTEST_CURRENT_TEST'].rpartition(' ')[0].partition('::')
    test = f'{Path(file).name}::{test}'
    row = dict(zip(COLUMNS, (fault, injected, str(times), result, test)))
    print(' | '.join(row.values()))
    kept = os.environ.get('HAND4WHOLE_FIGURES')
    if kept:
        path = Path(kept)
        rows = json.loads(path.read_text()) if path.exists() else {}
        rows[f'{test} {fault}'] = {**row, 'date': datetime.date.today().isoformat(), 'machine': _machine()}
        part = path.with_name(path.name + '.part')
        part.write_text(json.dumps(rows, indent=1) + '\n')
        part.replace(path)


def _machine():
    from hand4whole_ros.benchmarks.machine import machine_info
    machine = machine_info('cpu')['machine']
    return f'{machine["cores"]} cores of {machine["processor"]}, {machine["memory_mb"] / 1024:.0f} GB'


def _file(row):
    return row['test'].partition('.py')[0]


def _line(values):
    return '| ' + ' | '.join(value.replace('|', '\\|') for value in values) + ' |\n'


def tables(rows):
    """Rows in Markdown: a table for each chapter, and on what they were measured."""
    strange = {_file(row) for row in rows} - {name for files in CHAPTERS.values() for name in files}
    assert not strange, f'no chapter holds {", ".join(sorted(strange))}'
    days, machines = sorted({row['date'] for row in rows}), sorted({row['machine'] for row in rows})
    text = f'Measured on {"; ".join(machines)}; {" to ".join(dict.fromkeys((days[0], days[-1])))}.\n'
    for title, files in CHAPTERS.items():
        chosen = sorted((row for row in rows if _file(row) in files), key=lambda row: files.index(_file(row)))
        if chosen:
            text += f'\n### {title}\n\n' + _line(COLUMNS) + '|' + '---|' * len(COLUMNS) + '\n'
            text += ''.join(_line([*(row[name] for name in COLUMNS[:-1]), f'`{row["test"]}`']) for row in chosen)
    return text


def main(figures):
    """Put the tables into the page."""
    rows = list(json.loads(Path(figures).read_text()).values())
    page = PAGE.read_text()
    pattern = re.escape(_BEGIN) + '.*?' + re.escape(_END)
    assert re.search(pattern, page, re.DOTALL), f'{PAGE} has no place for the table'
    PAGE.write_text(re.sub(pattern, lambda found: _BEGIN + tables(rows) + _END, page, flags=re.DOTALL))


if __name__ == '__main__':
    main(*sys.argv[1:])
