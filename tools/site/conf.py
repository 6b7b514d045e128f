"""Sphinx: the lessons and pages as `make site` lays them out, with nothing fetched from elsewhere."""

project = "faceswap_lab"
author = "faceswap_lab contributors"
copyright = "faceswap_lab contributors, MIT licence"
language = "en"
root_doc = "index"
exclude_patterns = ["_build"]

extensions = ["myst_nb"]
nb_execution_mode = "off"  # outputs come from a run of the course, see executed.py
nb_render_markdown_format = "myst"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = True

html_theme = "sphinx_book_theme"
html_title = "faceswap_lab"
html_static_path = ["_static"]
html_css_files = ["lab.css"]
mathjax_path = "tex-svg.js"  # lies in _static: formulas need no network
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": True,
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the search stands in the side bar
}
html_copy_source = False
html_show_sourcelink = False
