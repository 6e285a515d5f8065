"""The machine: files, downloads, processes, and ONNX Runtime."""
