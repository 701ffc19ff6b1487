"""The context codec: channel matrices as bits of an integer context model and an arithmetic coder, and back."""
