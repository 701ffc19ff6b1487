"""A run from its scenario to its results: points, shards, workers, when to stop, warnings, manifest, complexity."""
