"""The chain at one point: its stages in order, when reports are made and used, random streams, pilot overhead."""
