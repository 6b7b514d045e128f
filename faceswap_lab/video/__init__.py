"""Video: frames in, videos out, pictures on the disk, sound.

`frames` opens what a user has, `reader` and `writer` do the work through FFmpeg's libraries (`ffmpeg`), `timing` says which
frame stands when, `colours` turns a decoded frame into RGB.
"""

from faceswap_lab.video.frames import extract_frames, open_video
from faceswap_lab.video.pictures import IMAGE_SUFFIXES, read_picture
from faceswap_lab.video.reader import Frame, Video
from faceswap_lab.video.writer import VideoWriter

__all__ = ["IMAGE_SUFFIXES", "Frame", "Video", "VideoWriter", "extract_frames", "open_video", "read_picture"]
