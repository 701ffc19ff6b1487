"""Links that QuaDRiGa saved, in each of its files' layouts."""
