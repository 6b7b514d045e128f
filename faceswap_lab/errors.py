"""The one error that a user of the lab should ever see."""


class LabError(Exception):
    """Something outside the code is wrong: a file, a folder, a parameter, the disk.

    The message names the file (or the parameter) first, then what is wrong with it, then what to do. Whoever catches
    it (the command line, a notebook) can show the message alone.
    """
