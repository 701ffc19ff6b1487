"""A run from its scenario to its results: points, shards, workers, manifest."""
