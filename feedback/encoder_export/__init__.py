"""A UE's encoder: networks as an ONNX file (float, 8 bits, packed) and its size, the context codec in C."""
