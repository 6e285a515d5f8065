"""A page with Gradio: the camera, live, with the label and the bars of the largest face.

Install: pip install livefer gradio. Run it as: python examples/gradio_app.py
"""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # else Gradio reports its use

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from livefer import Recognizer, draw_faces

recognizer = Recognizer(rgb=True)  # Gradio's arrays are RGB


def recognise(
    image: NDArray[np.uint8] | None,
) -> tuple[NDArray[np.uint8] | None, dict[str, float]]:
    """Return the annotated picture, RGB, and the probabilities of the largest face."""
    if image is None:
        return None, {}
    (result,) = recognizer.stream(image)
    assert result.image is not None
    drawn = draw_faces(result.image, result.faces)[:, :, ::-1]  # results are BGR
    largest = max(result.faces, key=lambda face: face.box[2] - face.box[0], default=None)
    return drawn, {} if largest is None else {name: largest[name] for name in largest.classes}


with gr.Blocks(title="livefer") as page:
    with gr.Row():
        with gr.Column():
            with gr.Tab("Camera"):
                camera = gr.Image(sources=["webcam"], streaming=True)
            with gr.Tab("Picture"):
                picture = gr.Image(sources=["upload", "clipboard"])
        with gr.Column():
            annotated = gr.Image(label="Faces")
            bars = gr.Label(label="The largest face")
    camera.stream(recognise, camera, [annotated, bars], stream_every=0.2, concurrency_limit=2)
    picture.change(recognise, picture, [annotated, bars])

if __name__ == "__main__":
    page.launch()
