"""What a training leaves to read: history.csv, events.csv, and the same for TensorBoard."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.messages import _
from faceswap_lab.video.pictures import coded_picture

HISTORY, EVENTS, MEASURES = "history.csv", "events.csv", "held_out.csv"


def write_history(path: Path, rows: list[dict]) -> None:
    """Writes the rows as CSV in one step."""
    with files.atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


def add_event(folder: Path, step: int, kind: str, text: str) -> None:
    """Says something about a training, on the screen and in its events.csv (step, time, kind, text).

    Args:
        folder: the model's.
        kind: "rollback", "advice", "stopped", "saved" or "notice".
    """
    print(text)
    path = Path(folder) / EVENTS
    rows = []
    if path.exists():
        with contextlib.suppress(
            pd.errors.ParserError, pd.errors.EmptyDataError
        ):  # it is a diary: damaged, it starts anew
            rows = files.read_csv(path).to_dict("records")
    rows.append({"step": step, "time": time.strftime("%Y-%m-%d %H:%M:%S"), "kind": kind, "text": text})
    write_history(path, rows)


class Board:
    """Scalars and pictures for TensorBoard, through its own writer: on any backend, with or without TensorFlow.

    Args:
        folder: where the event files go.
        step: the step at which this run begins; TensorBoard drops what a killed run wrote beyond it.
        wanted: False writes nothing.
    """

    def __init__(self, folder: Path, step: int = 0, wanted: bool = True):
        self.writer = None
        if not wanted:
            return
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            print(_("TensorBoard is not installed: the curves stand in history.csv alone."))
            return
        self._event, self._summary = event_pb2, summary_pb2
        self.writer = EventFileWriter(str(folder), flush_secs=30)
        if step:
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)  # drops what stands at this step or later
            self.writer.add_event(event_pb2.Event(wall_time=time.time(), step=step + 1, session_log=start))

    def _add(self, writer, step: int, values: list) -> None:
        summary = self._summary.Summary(value=values)
        writer.add_event(self._event.Event(wall_time=time.time(), step=step, summary=summary))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds a point to each named curve."""
        if self.writer is not None:
            value = self._summary.Summary.Value
            self._add(self.writer, step, [value(tag=name, simple_value=float(number)) for name, number in values.items()])

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Adds a picture, (H, W, 3) uint8 RGB."""
        if self.writer is not None:
            coded = self._summary.Summary.Image(
                height=image.shape[0],
                width=image.shape[1],
                colorspace=3,
                encoded_image_string=coded_picture(image, ".png"),
            )
            self._add(self.writer, step, [self._summary.Summary.Value(tag=name, image=coded)])

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
