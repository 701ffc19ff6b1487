"""Fixtures of channel sources."""

import pytest

from tests.channels.made_up_links import WRITERS


@pytest.fixture(params=WRITERS)
def write_links(request):
    """Writes made-up QuaDRiGa links to a file in one of the layouts that are read."""
    return WRITERS[request.param]
