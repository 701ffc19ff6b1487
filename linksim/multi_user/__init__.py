"""Several users on the same resources: who shares a cell, whom the BS serves, its precoder, and each user's rate."""
