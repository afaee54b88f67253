"""How the site is made: ``sphinx-build -W -b html docs build/site``."""

from stance.version import VERSION

project = "stance"
release = VERSION
author = copyright = "The stance maintainers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["guide.ipynb"]
html_theme = "furo"
html_title = f"stance {VERSION}"
html_show_sourcelink = False
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
nitpicky = False
