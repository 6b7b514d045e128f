"""The ffmpeg program (moviepy brings it), which makes and judges videos independently of the lab's own way."""

import os
import subprocess

import imageio_ffmpeg


def program() -> str:
    return imageio_ffmpeg.get_ffmpeg_exe()


def url(path) -> str:
    """The path as ffmpeg takes it for a plain file, whatever it begins with or contains."""
    return "file:" + os.path.abspath(path)


def run(*arguments) -> subprocess.CompletedProcess:
    command = [program(), "-hide_banner", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
