"""What tests of faults measured, kept for docs/reliability.md.

    HAND4WHOLE_FIGURES=figures.json python -m pytest test/test_faults*.py test/test_fuzz*.py test/test_s*.py
    python test/fault_figures.py figures.json
"""

import json
import os
import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / 'docs' / 'reliability.md'
_COLUMNS = ('fault', 'how it is injected', 'times', 'what happens', 'test')
_BEGIN, _END = '<!-- measured -->\n', '<!-- /measured -->'


def note(fault, injected, times, result):
    """One row of the table; kept where $HAND4WHOLE_FIGURES names a file. Prints it in any case."""
    test = os.environ['PYTEST_CURRENT_TEST'].split(' ')[0]
    row = dict(zip(_COLUMNS, (fault, injected, str(times), result, test)))
    print(' | '.join(row.values()))
    kept = os.environ.get('HAND4WHOLE_FIGURES')
    if kept:
        path = Path(kept)
        rows = json.loads(path.read_text()) if path.exists() else {}
        rows[f'{test} {fault}'] = row
        path.write_text(json.dumps(rows, indent=1) + '\n')


def table(rows):
    """Rows in Markdown, in the order of the tests."""
    def line(values):
        return '| ' + ' | '.join(values) + ' |\n'
    body = ''.join(line([row[name] if name != 'test' else f'`{row[name].removeprefix("test/")}`' for name in _COLUMNS])
                   for row in rows)
    return line(_COLUMNS) + '|' + '---|' * len(_COLUMNS) + '\n' + body


def main(figures):
    """Put the table into the page."""
    rows = json.loads(Path(figures).read_text()).values()
    page = PAGE.read_text()
    pattern = re.escape(_BEGIN) + '.*?' + re.escape(_END)
    assert re.search(pattern, page, re.DOTALL), f'{PAGE} has no place for the table'
    PAGE.write_text(re.sub(pattern, lambda found: _BEGIN + table(rows) + _END, page, flags=re.DOTALL))


if __name__ == '__main__':
    main(*sys.argv[1:])
