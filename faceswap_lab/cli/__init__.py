"""The command line: one module a command. `python -m faceswap_lab` reads the words and calls them."""
