"""PyInstaller's hook: what a frozen app needs of livefer, and what no import statement names.

PyTorch and Ray are left out, which livefer needs for training and clusters alone: gigabytes.
`--hidden-import torch` brings one back.
"""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

datas = collect_data_files("livefer")
datas += collect_data_files("cv2", includes=["data/haarcascade_frontalface_*.xml"])
for name in ("av", "fastapi", "matplotlib", "pyarrow", "uvicorn", "websockets"):
    with suppress(PackageNotFoundError):
        datas += copy_metadata(name)
datas += copy_metadata("livefer", recursive=True)  # what doctor and bench say of versions

hiddenimports = ["onnxruntime", *collect_submodules("livefer")]
excludedimports = ["lightning_fabric", "onnx", "onnxscript", "ray", "tensorboard", "torch"]
