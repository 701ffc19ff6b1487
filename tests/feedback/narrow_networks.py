"""Keys that make networks narrow whose layers are wide by default, so that tests of all of them are quick."""

NARROW: dict[str, dict[str, object]] = {"deepcmc": {"width": 8}}
