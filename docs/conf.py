"""How Sphinx builds these pages: `make docs`."""

project = "mfq"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "mfq"
