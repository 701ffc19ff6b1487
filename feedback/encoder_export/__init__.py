"""A UE's encoder as an ONNX file: float, 8 bits, packed; what it takes on disk."""
