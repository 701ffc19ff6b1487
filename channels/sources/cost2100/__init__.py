"""The COST 2100 model: clusters, visibility regions and user motion, drawn many links at a time."""
