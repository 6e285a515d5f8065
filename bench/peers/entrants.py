"""Who takes part in bench/live.py, and what starts each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peers.child import PeerError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """One way to read expressions.

    env: its folder; several peers share one
    script, variant: what is run
    every: it takes part in every n-th frame, for those that take long and keep nothing
    what: detector, network, and how often they look
    """

    name: str
    env: str
    script: str
    variant: tuple[str, ...]
    every: int
    what: str

    def command(self, envs: Path) -> list[str | Path]:
        """Return what starts the peer, or raise PeerError where it is not installed."""
        folder = envs / self.env
        is_python = self.script.endswith(".py")
        runs = folder / "bin" / "python" if is_python else folder / "node_modules"
        if not runs.exists():
            raise PeerError(f"not installed: python bench/peers/install.py {self.env}")
        script = FOLDER / self.script
        start = [runs, script] if is_python else ["node", script, folder]
        return [*start, *self.variant]

    def packages(self, envs: Path) -> Path:
        """Return the folder that its packages are in."""
        found = sorted((envs / self.env).glob("lib/python*/site-packages"))
        return found[0] if found else envs / self.env / "node_modules"


def entrants(yunet: Path | None) -> list[Peer]:
    """Return everything that is compared; YuNet only where its file is given."""
    ours = "its own 8-bit ResNet-18 of half width, 48 px, ONNX Runtime"
    three = "three Haar cascades that vote, tilted heads too"
    live = "faces followed, the rest of the picture searched part by part"
    found = [
        Peer("fer", "fer", "fer_peer.py", ("haar",), 1,
             "one Haar cascade, faces from 50 px; mini-Xception, 64 px, TensorFlow Lite"),
        Peer("fer, MTCNN", "fer", "fer_peer.py", ("mtcnn",), 10,
             "MTCNN in PyTorch; the same network"),
        Peer("face-api, tiny", "face-api", "face_api_peer.mjs", ("tiny",), 1,
             "Tiny Face Detector at 416 px; expression network, 112 px; WASM"),
        Peer("face-api, SSD", "face-api", "face_api_peer.mjs", ("ssd",), 5,
             "SSD MobileNet v1 at 512 px; the same network; WASM"),
        Peer("Human, every frame", "human", "human_peer.mjs", ("each",), 1,
             "BlazeFace at 256 px and emotion network, 64 px, on every frame; WASM"),
        Peer("Human, cached", "human", "human_peer.mjs", ("cached",), 1,
             "as it comes: face mesh on every frame, BlazeFace again after 2.5 s, emotion network "
             "after 1.5 s; WASM"),
        Peer("livefer, Haar", "livefer", "livefer_peer.py", ("haar",), 1, f"{three}; {ours}"),
        Peer("livefer, Haar, live", "livefer", "livefer_peer.py", ("haar", "live"), 1,
             f"the same cascades, {live}; the same network on every frame"),
    ]  # fmt: skip
    if yunet is not None:
        file = str(yunet.resolve())
        found += [
            Peer("livefer, YuNet", "livefer", "livefer_peer.py", (file,), 1,
                 "YuNet at full size, ONNX Runtime; the same network"),
            Peer("livefer, YuNet, live", "livefer", "livefer_peer.py", (file, "live"), 1,
                 "YuNet in every third frame, faces followed in between; the same network on every "
                 "frame"),
        ]  # fmt: skip
    return found
