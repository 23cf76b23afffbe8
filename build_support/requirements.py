"""Print the requirements of the package and of the extras that are named, one a line; after --only, of these alone."""

import configparser
import sys
from pathlib import Path

config = configparser.ConfigParser()
config.read(Path(__file__).resolve().parent.parent / 'setup.cfg')
extras = sys.argv[1:]
alone = extras[:1] == ['--only']
lines = [] if alone else config['options']['install_requires'].splitlines()
for extra in extras[alone:]:
    lines += config['options.extras_require'][extra].splitlines()
print('\n'.join(line for line in lines if line and not line.startswith('#')))
