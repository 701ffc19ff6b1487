"""How the UE reports the channel and what the BS rebuilds from the report."""
