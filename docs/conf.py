"""How Sphinx builds these pages: `tox -e docs`."""

from __future__ import annotations

from externref_build import __version__

project = "externref-build"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "externref-build"
default_role = "code"

myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
