"""Sphinx's settings: Markdown by MyST. `make docs` and rosdoc2 build with them.

rosdoc2 builds a copy of this folder, so nothing here, and no page, refers to files outside it.
"""

project = 'hand4whole_ros'
author = 'hand4whole_ros maintainers'
copyright = author  # noqa: A001 (the name is Sphinx's)
version = release = '0.1.0'

extensions = ['myst_parser']
source_suffix = {'.md': 'markdown'}
exclude_patterns = ['_build']
nitpicky = True

myst_enable_extensions = ['deflist']
#: Headings down to this level can be linked to: page.md#words-of-the-heading.
myst_heading_anchors = 4

html_theme = 'furo'
html_title = f'{project} {release}'
html_static_path = ['_static']
html_css_files = ['wide_tables.css']
html_show_sphinx = False
html_copy_source = False
pygments_style = 'friendly'
#: Blocks without a language are command lines, file listings and drawings.
highlight_language = 'text'
