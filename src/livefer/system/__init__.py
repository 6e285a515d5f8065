"""The machine: files, downloads, signals, processes, and ONNX Runtime."""
