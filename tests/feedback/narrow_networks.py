"""Keys that make networks narrow whose layers are wide by default, so that tests of all of them are quick."""

NARROW: dict[str, dict[str, object]] = {
    "convcsinet": {"width": 4},
    "shufflecsinet": {"width": 4},
    "deepcmc": {"width": 8},
    "csinet-lstm": {"lstm_layers": 1, "training_reports": 2},
    "markovnet": {"training_reports": 2},
}
