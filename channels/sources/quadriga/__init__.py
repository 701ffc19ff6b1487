"""Channels of links that QuaDRiGa saved."""
