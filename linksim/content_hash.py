"""Short hash of a document, by which results, fits and files are named."""

import hashlib
import json
from typing import Any


def content_hash(content: Any) -> str:
    """Twelve hex digits of a JSON-like document; numbers count with all their digits."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
