"""Seeds of independent random streams."""

import hashlib


def stream_seed(*key: int | str) -> int:
    """64-bit seed of the stream that a key names; different keys give unrelated seeds."""
    digest = hashlib.blake2b("/".join(str(part) for part in key).encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")
