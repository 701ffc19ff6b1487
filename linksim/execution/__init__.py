"""Where tasks run: this process, local workers, a Dask cluster."""
