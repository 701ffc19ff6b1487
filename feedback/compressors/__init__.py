"""Every compressor, one per file: networks, KLT, top-k, identity. The registry imports one when it is asked for."""
